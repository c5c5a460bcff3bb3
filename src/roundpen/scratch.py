# SPDX-License-Identifier: BSD-2-Clause
"""Temporary folders that are gone at the end, however it comes, and that say when they are full."""

from __future__ import annotations

import errno
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roundpen.errors import MachineError, reason_of

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_alive: set[Path] = set()


@contextmanager
def folder(purpose: str, parent: Path | None = None) -> Iterator[Path]:
    """An empty folder called after `purpose`, for the body; in $TMPDIR, or in `parent`.

    Raises MachineError when it can't be made, or when the body finds no room in it.
    """
    path = _make(purpose, parent)
    try:
        yield path
    except OSError as error:
        # A copy names where it read from, and where it could not write to.
        names = [name for name in (error.filename2, error.filename) if name is not None]
        if error.errno in _FULL and (not names or _inside(names[0], path)):
            raise _no_room(path.parent, error, parent) from error
        raise
    finally:
        shutil.rmtree(path, ignore_errors=True)
        _alive.discard(path)


def sweep() -> None:
    """Remove the folders whose own removal a signal has cut short."""
    for path in sorted(_alive):
        shutil.rmtree(path, ignore_errors=True)


def _make(purpose: str, parent: Path | None) -> Path:
    try:
        base = Path(tempfile.gettempdir()) if parent is None else parent
    except OSError as error:
        # Python tries to write to each place that it knows.
        raise MachineError(
            f"temporary files: no folder for them can be written to: {reason_of(error)}",
            remedy="make room, or point $TMPDIR at another folder",
        ) from error
    hidden = "" if parent is None else "."
    path = base / f"{hidden}roundpen-{purpose}-{secrets.token_hex(6)}"
    # Before it is there: a signal may come between any two steps.
    _alive.add(path)
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        _alive.discard(path)
        raise _no_room(base, error, parent) from error
    return path


def _inside(name: object, path: Path) -> bool:
    return isinstance(name, str) and Path(name).is_relative_to(path)


def _no_room(base: Path, error: OSError, parent: Path | None) -> MachineError:
    otherwise = ", or point $TMPDIR at another folder" if parent is None else ""
    return MachineError(
        f"{base}: cannot be written to: {reason_of(error)}", remedy=f"make room there{otherwise}"
    )

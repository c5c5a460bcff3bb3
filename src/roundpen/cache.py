# SPDX-License-Identifier: BSD-2-Clause
"""Content-keyed entries under one folder; an entry is either complete or not there.

An entry is a folder `<root>/<kind>/<key>`. It is made beside its place and renamed into it,
so that a reader never sees half of one, and a lock per entry makes a second process wait for
the first instead of doing the same work.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from roundpen.errors import MachineError, reason_of


def root() -> Path:
    """Where the cache lives: $ROUNDPEN_CACHE, $XDG_CACHE_HOME/roundpen or ~/.cache/roundpen."""
    own = os.environ.get("ROUNDPEN_CACHE")
    if own:
        return Path(own).absolute()
    shared = os.environ.get("XDG_CACHE_HOME")
    base = Path(shared) if shared and Path(shared).is_absolute() else Path.home() / ".cache"
    return base / "roundpen"


def digest(*parts: str | bytes) -> str:
    """A key (64 hex digits, SHA-256) for `parts`; where one part ends is part of the key."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content as 64 hex digits.

    Raises MachineError when the file can't be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise MachineError(f"{path}: cannot be read: {reason_of(error)}") from error


def place(kind: str, key: str) -> Path:
    """The folder where the entry is, or will be."""
    return root() / kind / key


def lookup(kind: str, key: str) -> Path | None:
    """The entry's folder, or None when there is none yet."""
    path = place(kind, key)
    return path if path.is_dir() else None


def entry(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The entry's folder; when it is missing, `make(folder)` fills a new one first.

    `make` gets an empty folder that becomes the entry once it returns; when it raises, nothing
    is published and its error passes through. Raises MachineError when the cache itself can't
    be written.
    """
    found = lookup(kind, key)
    if found is not None:
        return found
    with _locked(kind, key):
        found = lookup(kind, key)
        if found is not None:
            return found
        staging = _staging(kind, key)
        try:
            make(staging)
            return _publish(staging, place(kind, key))
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _locked(kind: str, key: str) -> Iterator[None]:
    """Hold the entry's lock; the kernel drops it when the process dies, however it dies."""
    path = root() / kind / f".{key}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("wb")
    except OSError as error:
        raise _unwritable(error) from error
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _staging(kind: str, key: str) -> Path:
    """An empty folder beside the entry's place, after removing what a killed process left."""
    folder = root() / kind
    prefix = f".{key}.making-"
    for stale in folder.glob(f"{prefix}*"):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    except OSError as error:
        raise _unwritable(error) from error


def _publish(staging: Path, final: Path) -> Path:
    try:
        staging.chmod(0o755)
        staging.rename(final)
    except OSError as error:
        raise _unwritable(error) from error
    return final


def _unwritable(error: OSError) -> MachineError:
    return MachineError(
        f"cache {root()}: cannot be written: {reason_of(error)}",
        remedy="make room or point $ROUNDPEN_CACHE at another folder",
    )

# SPDX-License-Identifier: BSD-2-Clause
"""Write a file so that it is either whole or as it was before."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from roundpen.errors import MachineError, UserError, reason_of


def publish(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: write beside it, flush to disk, rename.

    Raises UserError when the folder is missing or not writable or the place is taken by
    something that isn't a file; MachineError when the disk is full or fails.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: exists and is no regular file", remedy="choose another name")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _failure(path, error) from error
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.chmod(0o666 & ~_umask())
        beside.rename(path)
    except OSError as error:
        raise _failure(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask; there is no way to read it without setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _failure(path: Path, error: OSError) -> UserError | MachineError:
    text = f"{path}: cannot be written: {reason_of(error)}"
    callers = (FileNotFoundError, NotADirectoryError, PermissionError)
    return UserError(text) if isinstance(error, callers) else MachineError(text)

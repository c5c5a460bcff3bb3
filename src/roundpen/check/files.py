# SPDX-License-Identifier: BSD-2-Clause
"""Boards from files and folders: a thin edge with untrusted bytes behind it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

from roundpen.check.board import Board
from roundpen.check.survey import survey
from roundpen.check.system import Kernel
from roundpen.devicetree import Outline
from roundpen.devicetree.outline import SIZE_MAX
from roundpen.errors import MachineError, UserError, reason_of

SUFFIXES = (".dtb", ".dtbo", ".dts", ".dtso")
_SOURCES = (".dts", ".dtso")


def read_board(path: Path) -> Board:
    """The board that a DTB or a source file (compiled with dtc) describes.

    Raises UserError when there is no such tree in it, MachineError when reading it fails.
    """
    data = read_bounded(path)
    name = printable(path)
    if path.suffix in _SOURCES:
        from roundpen.check.source import compile_source

        data = compile_source(data, path)
    return survey(Outline(data, name))


def kernel(path: Path) -> Kernel:
    """The kernel in a file that `roundpen wrap` takes, or in a wrapped one.

    Raises UserError when there is none in it, MachineError when reading it fails.
    """
    from roundpen.image import payload

    name = printable(path)
    return Kernel(name, payload.parse(payload.read(path), name).header)


def printable(path: Path) -> str:
    """The path for messages: what a terminal would act upon is escaped."""
    return escaped(os.fsencode(path).decode("utf-8", "backslashreplace"))


def escaped(text: str) -> str:
    """`text` without what a terminal would act upon."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def read_bounded(path: Path, limit: int = SIZE_MAX) -> bytes:
    """The content of a regular file of at most `limit` bytes; whatever is there, this ends.

    O_NONBLOCK: the open of a FIFO without a writer would wait for one. The size is what was
    read, not what stat() says, because the file may change meanwhile.
    """
    name = printable(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        why = reason_of(error) if isinstance(error, OSError) else str(error)
        raise UserError(f"{name}: cannot be read: {why}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserError(f"{name}: no regular file", remedy="give a DTB, or a folder of them")
        return _read(partial(os.read, descriptor), name, limit)
    finally:
        os.close(descriptor)


def _read(read: Callable[[int], bytes], name: str, limit: int) -> bytes:
    pieces = []
    left = limit + 1
    try:
        while left and (piece := read(min(left, 1 << 20))):
            pieces.append(piece)
            left -= len(piece)
    except OSError as error:
        raise MachineError(f"{name}: reading failed: {reason_of(error)}") from error
    if not left:
        raise UserError(f"{name}: larger than {limit >> 20} MiB, which no device tree is")
    return b"".join(pieces)


def folder(path: Path) -> list[Path]:
    """The trees in a folder and the folders in it, sorted; links to folders are not followed.

    Raises UserError when there is none.
    """
    found = []
    try:
        for parent, _, names in os.walk(path, onerror=_fail):
            found += [Path(parent, name) for name in names if name.endswith(SUFFIXES)]
    except OSError as error:
        raise UserError(f"{printable(path)}: cannot be read: {reason_of(error)}") from error
    if not found:
        raise UserError(
            f"{printable(path)}: has no file ending in {', '.join(SUFFIXES)}",
            remedy="give a folder with device trees",
        )
    return sorted(found)


def _fail(error: OSError) -> None:
    raise error

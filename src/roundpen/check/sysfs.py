# SPDX-License-Identifier: BSD-2-Clause
"""The small files of /proc and /sys: what is not there, or is not what it should be, is None."""

from __future__ import annotations

import re
from pathlib import Path

from roundpen.check.files import read_bounded
from roundpen.check.survey import CPUS_MAX
from roundpen.errors import RoundpenError

SMALL = 1 << 16
"""Bytes. More than any file here has."""


def text(path: Path, limit: int = SMALL) -> str | None:
    """The file's text without blanks around it."""
    try:
        return read_bounded(path, limit).decode("utf-8", "replace").strip()
    except RoundpenError:
        return None


def listed(path: Path) -> tuple[int, ...] | None:
    """The numbers in a list such as "0-3,5"; None when it is none, or names more than there are."""
    whole = text(path)
    if not whole:
        return None
    numbers: list[int] = []
    for piece in whole.split(","):
        first, _, last = piece.partition("-")
        if not _small(first) or (last and not _small(last)):
            return None
        if int(last or first) > CPUS_MAX:
            return None
        numbers += range(int(first), int(last or first) + 1)
    return tuple(numbers)


def number(path: Path) -> int | None:
    """A decimal number of at most nine digits."""
    whole = text(path)
    return int(whole) if whole and _small(whole) else None


def address(path: Path) -> int | None:
    """A number of at most 64 bits as the kernel writes addresses: 0x and hexadecimal digits."""
    return hexadecimal(text(path) or "")


def hexadecimal(word: str) -> int | None:
    """The same of a word."""
    return int(word, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", word) else None


def flag(path: Path) -> bool | None:
    """0 or 1."""
    return {"0": False, "1": True}.get(text(path) or "")


def numbered(folder: Path, name: str) -> list[tuple[int, Path]]:
    """What is called `name` and a number in a folder, by number."""
    found = [(path.name.removeprefix(name), path) for path in folder.glob(f"{name}*")]
    return sorted((int(digits), path) for digits, path in found if _small(digits))


def _small(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10

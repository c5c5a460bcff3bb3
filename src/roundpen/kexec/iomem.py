# SPDX-License-Identifier: BSD-2-Clause
"""/proc/iomem as values: what memory there is, and what is in it. Addresses physical, bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from roundpen.check.board import Range

LINES_MAX = 1 << 16
"""More than any machine has; a bound against a file that is none."""
RAM = "System RAM"
_LINE = re.compile(r"( *)([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.{1,200})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Resource:
    """A line. `depth` 0: at the top; 1: inside the last one before it at 0, and so on."""

    range: Range
    name: str
    depth: int


@dataclass(frozen=True, slots=True)
class Iomem:
    """The whole file, in its order. `garbled`: how many lines could not be read."""

    resources: tuple[Resource, ...] = ()
    garbled: int = 0

    @property
    def hidden(self) -> bool:
        """Did the kernel hide the addresses? All are 0 to a reader without CAP_SYS_ADMIN."""
        return bool(self.resources) and all(each.range == (0, 1) for each in self.resources)

    @property
    def known(self) -> bool:
        """Is there memory in it, with addresses?"""
        return not self.hidden and any(self.ram)

    @property
    def ram(self) -> Iterator[Resource]:
        """What is called System RAM."""
        return (each for each in self.resources if each.name.startswith(RAM))

    def named(self, name: str) -> Iterator[Range]:
        """The ranges that are called so, wherever they are."""
        return (each.range for each in self.resources if each.name == name)


def parse(text: str) -> Iomem:
    """What `text` says; lines that are none are counted and left out."""
    found: list[Resource] = []
    garbled = 0
    for line in text.splitlines()[:LINES_MAX]:
        match = _LINE.fullmatch(line)
        if match is None:
            garbled += bool(line.strip())
            continue
        start, last = int(match[2], 16), int(match[3], 16)
        if last < start:
            garbled += 1
            continue
        name = "".join(sign for sign in match[4].strip() if sign.isprintable())
        found.append(Resource(Range(start, last + 1), name, len(match[1]) // 2))
    return Iomem(tuple(found), garbled)

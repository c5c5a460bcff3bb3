# SPDX-License-Identifier: BSD-2-Clause
"""Where the next kernel, its initrd and its tree would lie. Addresses physical, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass

from roundpen.check.board import Range


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece that the running kernel puts in place when it jumps.

    `name`: "kernel", "initrd", "tree" or "purgatory". `content`: bytes that are loaded, at most
    as many as `range` has.
    """

    name: str
    range: Range
    content: int


@dataclass(frozen=True, slots=True)
class Area:
    """A piece of the memory map: what is there now, or will be."""

    range: Range
    what: str


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes that the load takes beside what runs. None: not known."""

    caller: int
    """In the program that loads: files and what they unpack to."""
    kernel: int
    """In the kernel: its copy of the segments, kept until the jump."""
    available: int | None

    @property
    def total(self) -> int:
        """The most at one time."""
        return self.caller + self.kernel

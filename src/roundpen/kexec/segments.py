# SPDX-License-Identifier: BSD-2-Clause
"""Where the next kernel, its initrd and its tree would lie. Addresses physical, sizes in bytes.

With kexec_load the place is kexec-tools' choice (2.0.25 to 2.0.32 choose alike): the first hole
that fits, in the memory that /proc/iomem calls System RAM and nothing inside takes. The answer
here is the same one. With kexec_file_load it is the kernel's own, from memory that no file
shows: what has been given back since the start counts as taken here, so that its choice may lie
elsewhere, never where something is; and where there is room here, there is room there.

Sources: kexec-tools, kexec/arch/arm64/kexec-arm64.c (get_memory_ranges(),
arm64_load_other_segments()), kexec/kexec.c (locate_hole()); Linux 6.12,
arch/arm64/kernel/kexec_image.c, arch/arm64/kernel/machine_kexec_file.c, kernel/kexec_file.c.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from roundpen.check.board import Range
from roundpen.kexec.iomem import RAM, Iomem
from roundpen.kexec.wanted import SystemCall

IMAGE_ALIGN = 2 << 20
"""Of the base that text_offset counts from (booting.rst)."""
PURGATORY = 64 << 10
"""At least as much as kexec-tools' purgatory has: some 20 KiB in 2.0.25."""
_KERNEL = ("Kernel code", "Kernel data")
_CRASH = "Crash kernel"
_GIB = 1 << 30
_WINDOW = 32 * _GIB
"""Image and initrd lie in one window of so much, counted in whole GiB (booting.rst)."""
_TOP = 1 << 64


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
class Sizes:
    """What is to be placed. `kernel`: of the Image itself; `initrd` 0: there is none."""

    kernel: int
    image_size: int
    text_offset: int
    initrd: int
    tree: int


@dataclass(frozen=True, slots=True)
class NoRoom:
    """The piece that found no place: how much it wants, and the largest hole that it may use."""

    name: str
    size: int
    largest: int


@dataclass(frozen=True, slots=True)
class Area:
    """A piece of the memory map: what is there now."""

    range: Range
    what: str


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes that the load takes beside what runs."""

    caller: int
    """In the program that loads, and what it reads: gone when it ends."""
    kernel: int
    """In the kernel: its copy of the segments, kept until the jump."""
    available: int | None
    """To the kernel; None: not known."""
    total: int | None
    """All RAM that the kernel has."""

    @property
    def most(self) -> int:
        """At one time."""
        return self.caller + self.kernel


# --- what is free --------------------------------------------------------------------------


def free(iomem: Iomem, call: SystemCall, taken: Iterable[Range] = ()) -> tuple[Range, ...]:
    """The memory in which segments may lie, in order. `taken`: what iomem does not show yet.

    kexec-tools lays segments over the running kernel and over the last region for a crash
    kernel: neither is needed any more when they are put in place.
    """
    found: list[Range] = []
    passed = _passed(iomem) if call is SystemCall.LOAD else ()
    for each in iomem.resources:
        if each.name.startswith(RAM):
            found.append(each.range)
        elif found and each.range.overlaps(found[-1]) and each.range not in passed:
            found = _without(found, each.range)
    for hole in taken:
        found = _without(found, hole)
    return tuple(sorted(found))


def _passed(iomem: Iomem) -> tuple[Range, ...]:
    """What kexec-tools does not exclude."""
    kernel = (each.range for each in iomem.resources if each.name.startswith(_KERNEL))
    return (*kernel, *list(iomem.named(_CRASH))[-1:])


def _without(ranges: Iterable[Range], hole: Range) -> list[Range]:
    left: list[Range] = []
    for each in ranges:
        if not each.overlaps(hole):
            left.append(each)
            continue
        if each.start < hole.start:
            left.append(Range(each.start, hole.start))
        if hole.end < each.end:
            left.append(Range(hole.end, each.end))
    return left


def memory_map(iomem: Iomem, reserved: Iterable[Area]) -> tuple[Area, ...]:
    """RAM and what is in it, by address: iomem's lines, and what the tree and the pen add."""
    shown = [Area(each.range, each.name) for each in iomem.resources if _in_ram(each.range, iomem)]
    return tuple(sorted({*shown, *reserved}, key=lambda area: (area.range, area.what)))


def _in_ram(wanted: Range, iomem: Iomem) -> bool:
    return any(each.range.overlaps(wanted) for each in iomem.ram)


# --- where everything goes -----------------------------------------------------------------


def place(
    sizes: Sizes, holes: Sequence[Range], call: SystemCall, page: int
) -> tuple[Segment, ...] | NoRoom:
    """The segments in the order in which they are placed. `holes`: as `free` gives them."""
    return _by_tools(sizes, holes, page) if call is SystemCall.LOAD else _by_kernel(sizes, holes)


def _by_tools(sizes: Sizes, holes: Sequence[Range], page: int) -> tuple[Segment, ...] | NoRoom:
    """Kernel first, everything else behind it, each in the first hole."""
    whole = sizes.text_offset + sizes.image_size
    base = _first(holes, whole, IMAGE_ALIGN, 0)
    if base is None:
        return _no_room("kernel", whole, holes)
    start = base + sizes.text_offset
    end = start + sizes.image_size
    placed = [Segment("kernel", Range(start, _up(end, page)), sizes.kernel)]
    others = [("initrd", sizes.initrd), ("tree", sizes.tree), ("purgatory", PURGATORY)]
    for name, size in others:
        if not size:
            continue
        left = _left(holes, placed)
        at = _first(left, _up(size, page), page, end)
        if at is None or (name == "initrd" and _too_far(at + size, start)):
            return _no_room(name, size, _above(left, end))
        placed.append(Segment(name, Range(at, at + _up(size, page)), size))
    return tuple(placed)


def _by_kernel(sizes: Sizes, holes: Sequence[Range]) -> tuple[Segment, ...] | NoRoom:
    """From the lowest hole up; where the rest does not fit behind a place, the next place."""
    whole = sizes.text_offset + sizes.image_size
    lowest = 0
    refused: NoRoom | None = None
    while (base := _first(holes, whole, IMAGE_ALIGN, lowest)) is not None:
        end = base + whole
        kernel = Segment("kernel", Range(base + sizes.text_offset, end), sizes.kernel)
        found = _behind(sizes, holes, kernel)
        if not isinstance(found, NoRoom):
            return found
        refused, lowest = refused or found, end
    return refused or _no_room("kernel", whole, holes)


def _behind(sizes: Sizes, holes: Sequence[Range], kernel: Segment) -> tuple[Segment, ...] | NoRoom:
    placed = [kernel]
    end = kernel.range.end
    limit = kernel.range.start // _GIB * _GIB + _WINDOW
    if sizes.initrd:
        below = [Range(each.start, min(each.end, limit)) for each in _left(holes, placed)]
        at = _first(below, sizes.initrd, 4096, end)
        if at is None:
            return _no_room("initrd", sizes.initrd, _above(below, end))
        placed.append(Segment("initrd", Range(at, at + _up(sizes.initrd, 4096)), sizes.initrd))
    left = _left(holes, placed)
    at = _last(left, sizes.tree, IMAGE_ALIGN, end)
    if at is None:
        return _no_room("tree", sizes.tree, _above(left, end))
    return (*placed, Segment("tree", Range(at, at + _up(sizes.tree, 4096)), sizes.tree))


def _left(holes: Iterable[Range], placed: Iterable[Segment]) -> list[Range]:
    left = list(holes)
    for segment in placed:
        left = _without(left, segment.range)
    return sorted(left)


def _first(holes: Iterable[Range], size: int, align: int, lowest: int) -> int | None:
    for hole in holes:
        start = _up(max(hole.start, lowest), align)
        if start + size <= hole.end:
            return start
    return None


def _last(holes: Sequence[Range], size: int, align: int, lowest: int) -> int | None:
    for hole in reversed(holes):
        start = (hole.end - size) // align * align
        if start >= max(hole.start, lowest):
            return start
    return None


def _too_far(end: int, start: int) -> bool:
    return _up(end, _GIB) - start // _GIB * _GIB > _WINDOW


def _above(holes: Iterable[Range], lowest: int) -> list[Range]:
    return [Range(max(each.start, lowest), each.end) for each in holes if each.end > lowest]


def _no_room(name: str, size: int, holes: Iterable[Range]) -> NoRoom:
    return NoRoom(name, size, max((each.end - each.start for each in holes), default=0))


def _up(number: int, to: int) -> int:
    return -(-number // to) * to


def collisions(segments: Iterable[Segment], areas: Iterable[Area]) -> tuple[str, ...]:
    """Where a segment lies over something that has to stay, or two lie over each other.

    A net below what `place` does by itself: the answer is empty, or something here is wrong.
    """
    found: list[str] = []
    ordered = sorted(segments, key=lambda segment: segment.range)
    for one, next_one in pairwise(ordered):
        if one.range.overlaps(next_one.range):
            found.append(f"the {one.name} at {one.range} over the {next_one.name}")
    for area in areas:
        for segment in ordered:
            if segment.range.overlaps(area.range):
                found.append(f"the {segment.name} at {segment.range} over {area.what}")
    return tuple(found)


def needs(
    segments: Iterable[Segment],
    call: SystemCall,
    files: int,
    unpacked: int,
    available: int | None,
    total: int | None,
) -> MemoryNeed:
    """What the load takes. `files`: bytes of kernel and initrd as they are; `unpacked`: the Image.

    kexec_load copies the caller's buffers: the Image and the initrd are there twice.
    kexec_file_load reads the files into the kernel, and then copies them.
    """
    copies = sum(each.range.end - each.range.start for each in segments)
    caller = files + unpacked if call is SystemCall.LOAD else files
    return MemoryNeed(caller, copies, available, total)

# SPDX-License-Identifier: BSD-2-Clause
"""Segments: where they lie, that they never lie over anything, and that no room is foreseen."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen.check.board import Range
from roundpen.kexec import segments
from roundpen.kexec.iomem import Iomem, Resource, parse
from roundpen.kexec.segments import (
    IMAGE_ALIGN,
    Area,
    NoRoom,
    Segment,
    Sizes,
    collisions,
    free,
    needs,
    place,
)
from roundpen.kexec.wanted import SystemCall

LOAD, FILE_LOAD = SystemCall.LOAD, SystemCall.FILE_LOAD
MIB = 1 << 20
PI_3 = """\
00000000-3b3fffff : System RAM
  00000000-00000fff : reserved
  00210000-0180ffff : Kernel code
  01810000-01f3ffff : reserved
  01f40000-0252ffff : Kernel data
  02a00000-02a0bfff : reserved
  07fff000-0dffffff : reserved
  34000000-37ffffff : reserved
  3b204000-3b3fffff : reserved
3f006000-3f006fff : dma@7e007000
"""
SIZES = Sizes(kernel=33 * MIB, image_size=35 * MIB, text_offset=0, initrd=40 * MIB, tree=30000)


def test_in_the_first_hole_that_fits() -> None:
    """The kernel goes above the running one's reserved piece, the rest behind it."""
    holes = free(parse(PI_3), LOAD)
    assert Range(0x1000, 0x1810000) in holes
    found = place(SIZES, holes, LOAD, 4096)
    assert not isinstance(found, NoRoom)
    assert [each.name for each in found] == ["kernel", "initrd", "tree", "purgatory"]
    assert [each.range.start for each in found] == [0x2C00000, 0x4F00000, 0x7700000, 0x7708000]


def test_the_running_kernel_counts_as_free_for_kexec_tools_only() -> None:
    code = Range(0x210000, 0x1810000)
    assert any(each.holds(code) for each in free(parse(PI_3), LOAD))
    assert not any(each.overlaps(code) for each in free(parse(PI_3), FILE_LOAD))


def test_the_kernels_own_choice_puts_the_tree_on_top() -> None:
    found = place(SIZES, free(parse(PI_3), FILE_LOAD), FILE_LOAD, 4096)
    assert not isinstance(found, NoRoom)
    assert [each.name for each in found] == ["kernel", "initrd", "tree"]
    assert found[2].range.start == 0x3B000000


def test_a_text_offset_is_kept_free_below_the_kernel() -> None:
    sizes = Sizes(MIB, 2 * MIB, 0x80000, 0, 4096)
    for call in SystemCall:
        found = place(sizes, [Range(0, 64 * MIB)], call, 4096)
        assert not isinstance(found, NoRoom)
        assert found[0].range == Range(0x80000, 0x80000 + 2 * MIB)


@pytest.mark.parametrize("call", SystemCall)
def test_no_room_for_the_initrd(call: SystemCall) -> None:
    """nixos-anywhere#651: an initrd of 440 MB, and `Address not available`."""
    holes = free(parse(PI_3), call)
    found = place(Sizes(33 * MIB, 35 * MIB, 0, 640 * MIB, 30000), holes, call, 4096)
    assert isinstance(found, NoRoom)
    assert (found.name, found.size) == ("initrd", 640 * MIB)
    assert found.largest == 0x34000000 - 0xE000000


def test_no_room_for_the_kernel() -> None:
    for call in SystemCall:
        found = place(SIZES, [Range(4096, 36 * MIB)], call, 4096)
        assert found == NoRoom("kernel", 35 * MIB, 36 * MIB - 4096)


def test_an_initrd_out_of_the_kernels_window() -> None:
    low, high = Range(0, 64 * MIB), Range(33 << 30, 34 << 30)
    for call in SystemCall:
        found = place(SIZES, [low, high], call, 4096)
        assert isinstance(found, NoRoom) or found[0].range.start >= high.start
    assert isinstance(place(SIZES, [low, high], LOAD, 4096), NoRoom)
    assert not isinstance(place(SIZES, [low, high], FILE_LOAD, 4096), NoRoom)


def test_the_crash_kernels_region_is_used_by_kexec_tools() -> None:
    text = "0-ffffff : System RAM\n  400000-7fffff : Crash kernel\n  a00000-bfffff : Crash kernel\n"
    assert free(parse(text), LOAD) == (Range(0, 0x400000), Range(0x800000, 0x1000000))
    assert free(parse(text), FILE_LOAD) == (
        Range(0, 0x400000),
        Range(0x800000, 0xA00000),
        Range(0xC00000, 0x1000000),
    )


def test_the_net_below() -> None:
    kernel = Segment("kernel", Range(0, 10), 10)
    assert collisions([kernel, Segment("tree", Range(10, 12), 2)], []) == ()
    (said,) = collisions([kernel, Segment("tree", Range(9, 12), 2)], [])
    assert "over the tree" in said
    (said,) = collisions([kernel], [Area(Range(9, 12), "the pen")])
    assert "over the pen" in said


def test_what_the_load_takes() -> None:
    placed = [Segment("kernel", Range(0, 100), 90), Segment("initrd", Range(100, 150), 50)]
    assert needs(placed, LOAD, 120, 90, 1, 2).most == 120 + 90 + 150
    assert needs(placed, FILE_LOAD, 120, 90, 1, 2).most == 120 + 150


# --- whatever memory looks like ------------------------------------------------------------

pages = st.integers(0, 1 << 16).map(lambda number: number * 4096)


@st.composite
def memories(draw: st.DrawFn) -> Iomem:
    """RAM in a few banks, and what lies in it, in the order of addresses as iomem has it."""
    bounds = sorted(draw(st.sets(pages, min_size=2, max_size=8)))
    names = st.sampled_from(["reserved", "Kernel code", "Kernel data", "Crash kernel", "a driver"])
    found: list[Resource] = []
    for start, end in list(pairwise(bounds))[::2]:
        found.append(Resource(Range(start, end), "System RAM", 0))
        inside = sorted(draw(st.sets(st.integers(start, end - 1), max_size=8)))
        found += [Resource(Range(*pair), draw(names), 1) for pair in list(pairwise(inside))[::2]]
    return Iomem(tuple(found))


sizes = st.builds(
    Sizes,
    kernel=st.integers(1, MIB),
    image_size=st.integers(MIB, 40 * MIB),
    text_offset=st.sampled_from([0, 0x80000]),
    initrd=st.integers(0, 40 * MIB),
    tree=st.integers(64, 2 * MIB),
)


@given(memories(), sizes, st.sampled_from(SystemCall), st.sampled_from([4096, 16384, 65536]), pages)
def test_nothing_ever_overlaps(
    iomem: Iomem, wanted: Sizes, call: SystemCall, page: int, at: int
) -> None:
    """Not each other, not what has to stay, not the pen, and all of it in RAM."""
    pen = Range(at, at + 0x10000)
    holes = free(iomem, call, [pen])
    assert all(one.end <= two.start for one, two in pairwise(holes))
    found = place(wanted, holes, call, page)
    if isinstance(found, NoRoom):
        assert found.size > 0
        return
    stays = [
        Area(each.range, each.name)
        for each in iomem.resources
        if each.name in ("reserved", "a driver")
        or (call is FILE_LOAD and each.name != "System RAM")
    ]
    assert collisions(found, [*stays, Area(pen, "the pen")]) == ()
    ram = [each.range for each in iomem.ram]
    for segment in found:
        assert any(bank.holds(segment.range) for bank in ram)
        assert segment.range.end - segment.range.start >= segment.content
        assert segment.range.start >= found[0].range.start
    assert (found[0].range.start - wanted.text_offset) % IMAGE_ALIGN == 0
    assert found[0].range.end - found[0].range.start >= wanted.image_size


@given(memories(), sizes, st.sampled_from(SystemCall))
def test_no_room_is_true(iomem: Iomem, wanted: Sizes, call: SystemCall) -> None:
    """Where a kernel is refused, no hole has room for it at any 2 MiB boundary."""
    holes = free(iomem, call)
    found = place(wanted, holes, call, 4096)
    if isinstance(found, NoRoom) and found.name == "kernel":
        whole = wanted.text_offset + wanted.image_size
        for hole in holes:
            start = segments._up(hole.start, IMAGE_ALIGN)
            assert start + whole > hole.end

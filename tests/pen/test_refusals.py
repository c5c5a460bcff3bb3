# SPDX-License-Identifier: BSD-2-Clause
"""Never worse than without: where the pen steps aside, the kernel boots with the tree as it came.

Each case boots the test kernel, which saves the tree that it was given and the memory in front
of it, where the pen's logbook lies even when no tree can say so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from roundpen.contract.layout import (
    CHOSEN_REFUSED,
    COMPATIBLE,
    DESCRIPTOR_OFFSET,
    REFUSAL_TEXT,
    TREE_MAX,
    WRAPPED_TEXT_OFFSET,
    CpuState,
    Offer,
    Refusal,
)
from roundpen.devicetree import Tree
from roundpen.image.header import ImageHeader
from roundpen.image.wrap import IN_FRONT
from roundpen.lab import vendor
from roundpen.lab.firmware import params
from roundpen.lab.vendor import VirtSpec
from roundpen.logbook.find import find
from roundpen.logbook.parse import Logbook
from tests.pen import payload_build
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome, config_for, wrapped

CHAIN_ADDRESS = 0x5000_0000
Edit = Callable[[Tree], None]


def logbook_in_front(outcome: Outcome) -> Logbook:
    """The logbook, found in the memory in front of the kernel by its magic alone."""
    return find((outcome.workdir / "front.bin").read_bytes(), "the memory in front of the kernel")


def original(outcome: Outcome) -> bytes:
    """The tree that the loader handed to the pen."""
    return (outcome.workdir / "vendor.dtb").read_bytes()


def contents(tree: Tree) -> dict[str, dict[str, bytes]]:
    """Everything that a tree says."""
    return {path: tree.properties(path) for path in tree.walk()}


def only_the_reason_was_added(outcome: Outcome, reason: Refusal) -> None:
    """The tree as received, plus /chosen/roundpen,refused and the logbook's reserved memory."""
    outcome.check_all()
    before, after = Tree(original(outcome)), outcome.tree
    assert after.text("/chosen", "roundpen,refused") == REFUSAL_TEXT[reason]
    assert after.get("/chosen", "roundpen,offer") is None
    after.remove_property("/chosen", "roundpen,refused")
    if after.has("/reserved-memory"):
        nodes = [path for path in after.children("/reserved-memory") if "roundpen@" in path]
        for path in nodes:
            assert after.get(path, "no-map") == b""
            after.remove_node(path)
        if not before.has("/reserved-memory"):
            assert after.children("/reserved-memory") == []
            after.remove_node("/reserved-memory")
    assert contents(after) == contents(before)
    assert after.reservations() == before.reservations()


def refused(
    bench: Bench,
    spec: VirtSpec,
    reason: Refusal,
    tree: Callable[[bytes], bytes] | None = None,
    pen: bytes | None = None,
) -> Outcome:
    """Boot, and check the level, the tree, the logbook and that the firmware's way still works."""
    word = spec.word(1) - params.WORD_STRIDE
    outcome = bench.on_pen(spec, Tests.FRONT | Tests.SPIN, tree=tree, word=word, pen=pen)
    assert outcome.lines, outcome.story()
    if spec.cpus > 1:
        assert len(outcome.cases["spin-table"]) == spec.cpus - 1
    assert outcome.lines[0].startswith(f"level {spec.entry_level} "), outcome.lines[0]
    only_the_reason_was_added(outcome, reason)
    return outcome


def edited(edit: Edit) -> Callable[[bytes], bytes]:
    """An edit of a tree as a function of its bytes."""

    def apply(data: bytes) -> bytes:
        tree = Tree(data)
        edit(tree)
        return tree.to_bytes()

    return apply


def test_entry_at_el1(bench: Bench) -> None:
    outcome = refused(bench, VirtSpec(entry_level=1), Refusal.ENTRY_LEVEL)
    assert outcome.logbook.refusal == Refusal.ENTRY_LEVEL
    assert outcome.logbook.entry_level == 1
    assert outcome.logbook.offer == Offer.NONE


@pytest.mark.parametrize("address", [0x4F00_0000, 0x4F00_1000, 0x0F00_0000, 0xFF_FFFF_0000])
def test_node_of_a_pen_that_is_not_there(bench: Bench, address: int) -> None:
    """In RAM, unaligned, outside RAM: nothing is believed, and nothing is written there."""

    def leave(tree: Tree) -> None:
        tree.add_node("/reserved-memory")
        tree.set("/reserved-memory", "#address-cells", struct.pack(">I", 2))
        tree.set("/reserved-memory", "#size-cells", struct.pack(">I", 2))
        tree.set("/reserved-memory", "ranges", b"")
        node = f"/reserved-memory/roundpen@{address:x}"
        tree.add_node(node)
        tree.set_text(node, "compatible", COMPATIBLE)
        tree.set(node, "reg", struct.pack(">QQ", address, 0x10000))

    spec = VirtSpec(entry_level=1)
    outcome = bench.on_pen(spec, Tests.FRONT, tree=edited(leave))
    outcome.check_all()
    assert outcome.tree.text("/chosen", CHOSEN_REFUSED) == REFUSAL_TEXT[Refusal.ENTRY_LEVEL]
    assert logbook_in_front(outcome).refusal == Refusal.ENTRY_LEVEL


def test_unknown_offer(bench: Bench) -> None:
    def other_offer(image: bytes) -> bytes:
        at = DESCRIPTOR_OFFSET + 0x0C
        return image[:at] + (max(Offer) + 1).to_bytes(4, "little") + image[at + 4 :]

    outcome = bench.on_pen(VirtSpec(), Tests.FRONT, image=other_offer)
    only_the_reason_was_added(outcome, Refusal.OFFER_UNKNOWN)
    assert outcome.logbook.refusal == Refusal.OFFER_UNKNOWN


def test_no_secondaries(bench: Bench) -> None:
    outcome = refused(bench, VirtSpec(cpus=1), Refusal.NO_SECONDARIES)
    assert outcome.logbook.refusal == Refusal.NO_SECONDARIES


def psci_present(tree: Tree) -> None:
    tree.add_node("/psci")
    tree.set("/psci", "compatible", b"arm,psci-1.0\0arm,psci-0.2\0")
    tree.set_text("/psci", "method", "smc")
    for path in tree.children("/cpus"):
        tree.set_text(path, "enable-method", "psci")


def other_method(tree: Tree) -> None:
    tree.set_text("/cpus/cpu@2", "enable-method", "vendor,own")


def no_release_word(tree: Tree) -> None:
    tree.remove_property("/cpus/cpu@2", "cpu-release-addr")


def unaligned_release_word(tree: Tree) -> None:
    tree.set_u64("/cpus/cpu@2", "cpu-release-addr", 0x4018_4104 + 2)


def twins(tree: Tree) -> None:
    tree.set("/cpus/cpu@2", "reg", tree.get("/cpus/cpu@1", "reg") or b"")


def boot_cpu_unnamed(tree: Tree) -> None:
    tree.remove_node("/cpus/cpu@0")


def crowd(tree: Tree) -> None:
    for number in range(0x100, 0x180):
        path = f"/cpus/cpu@{number:x}"
        tree.add_node(path)
        tree.set_text(path, "device_type", "cpu")
        tree.set("/cpus/" + path.rpartition("/")[2], "reg", number.to_bytes(4, "big"))
        tree.set_text(path, "enable-method", "spin-table")
        tree.set_u64(path, "cpu-release-addr", 0x4018_4100)


def no_cells(tree: Tree) -> None:
    tree.set("/cpus", "#address-cells", (3).to_bytes(4, "big"))


def pen_is_reserved(tree: Tree) -> None:
    tree.reserve(0x4029_0000, 0x1000)


def pen_is_outside(tree: Tree) -> None:
    tree.set("/memory@40000000", "reg", struct.pack(">QQ", 0x4040_0000, 0x3FC0_0000))


EDITS: list[tuple[Edit, Refusal]] = [
    (psci_present, Refusal.PSCI_PRESENT),
    (other_method, Refusal.NOT_SPIN_TABLE),
    (no_release_word, Refusal.RELEASE_WORD_BAD),
    (unaligned_release_word, Refusal.RELEASE_WORD_BAD),
    (twins, Refusal.DUPLICATE_CPU),
    (boot_cpu_unnamed, Refusal.BOOT_CPU_UNKNOWN),
    (crowd, Refusal.TOO_MANY_CPUS),
    (no_cells, Refusal.CELLS_BAD),
    (pen_is_reserved, Refusal.MEMORY_OVERLAP),
    (pen_is_outside, Refusal.MEMORY_OUTSIDE),
]


@pytest.mark.parametrize(("edit", "reason"), EDITS, ids=[edit.__name__ for edit, _ in EDITS])
def test_tree_that_rules_the_offer_out(bench: Bench, edit: Edit, reason: Refusal) -> None:
    outcome = refused(bench, VirtSpec(), reason, edited(edit))
    unusable = (Refusal.MEMORY_OVERLAP, Refusal.MEMORY_OUTSIDE)
    if reason not in unusable:  # there the pen has no memory to write a logbook to
        assert outcome.logbook.refusal == reason


@pytest.mark.parametrize("size", [0, 0x4000])
def test_neither_region_nor_work_is_ram(bench: Bench, size: int) -> None:
    """Nowhere to put as much as the reason."""

    def move(tree: Tree) -> None:
        tree.set("/memory@40000000", "reg", struct.pack(">QQ", 0x5800_0000, size))

    as_received(bench.on_pen(VirtSpec(), Tests.FRONT, tree=edited(move)))


def test_the_reason_goes_where_there_is_ram(bench: Bench) -> None:
    """Not around the kernel; so the copy of the tree lies behind the tree that came."""

    def move(tree: Tree) -> None:
        tree.set("/memory@40000000", "reg", struct.pack(">QQ", 0x4800_0000, 0x3800_0000))

    outcome = refused(bench, VirtSpec(), Refusal.MEMORY_OUTSIDE, edited(move))
    assert tree_address(outcome) in range(0x4800_0000, 0x4810_0000)


def tree_address(outcome: Outcome) -> int:
    """Where the kernel found its tree."""
    return int(outcome.lines[0].split("tree 0x")[1].split()[0], 16)


def kernel_address(outcome: Outcome) -> int:
    """Where the kernel was started."""
    return int(outcome.lines[0].split("image 0x")[1].split()[0], 16)


def loaded_at(offset: int, **more: object) -> VirtSpec:
    """A machine whose loader puts the wrapped Image `offset` behind a multiple of 2 MiB."""
    base = 0x40_0000 + offset - WRAPPED_TEXT_OFFSET
    return VirtSpec(load_offset=base, **more)  # type: ignore[arg-type]


def behind_the_promise(spec: VirtSpec) -> int:
    """The first address behind the image_size of the wrapped test kernel."""
    header = ImageHeader.parse(wrapped(payload_build.image(config_for(spec, Tests.FRONT))))
    assert header is not None
    return spec.base_address + header.text_offset + header.image_size


@pytest.mark.parametrize("offset", [0, 0x1000, 0x1F_F000])
def test_no_room_to_move_into(bench: Bench, offset: int) -> None:
    """A loader that ignores text_offset, and something right behind image_size: the kernel
    starts where it would have without a pen, over the place where the pen was; or if no 2 MiB
    boundary is in what the loader keeps free, where it stands.
    """
    spec = loaded_at(offset)

    def occupy(tree: Tree) -> None:
        tree.reserve(behind_the_promise(spec), 0x1000)

    outcome = bench.on_pen(spec, Tests.FRONT | Tests.SPIN, tree=edited(occupy), word=spec.word(0))
    only_the_reason_was_added(outcome, Refusal.MEMORY_OVERLAP)
    assert len(outcome.cases["spin-table"]) == spec.cpus - 1
    image = spec.base_address + WRAPPED_TEXT_OFFSET
    expected = {0: image, 0x1000: image + IN_FRONT, 0x1F_F000: image + 0x1000}
    assert kernel_address(outcome) == expected[offset]


@pytest.mark.parametrize("offset", [0, 0x1000])
def test_no_tree_and_no_promise(bench: Bench, offset: int) -> None:
    """Who can't read the tree takes nothing that the loader did not promise."""
    spec = loaded_at(offset)
    outcome = bench.on_pen(spec, Tests.FRONT, tree=lambda data: bytes(len(data)))
    outcome.check_all()
    image = spec.base_address + WRAPPED_TEXT_OFFSET
    assert kernel_address(outcome) == image + (IN_FRONT if offset else 0)


def test_a_load_with_room_in_front_moves_down(bench: Bench) -> None:
    """Between text_offset and the last 256 KiB of a block nothing behind image_size is used."""
    spec = loaded_at(0x10_0000)

    def occupy(tree: Tree) -> None:
        tree.reserve(behind_the_promise(spec), 0x1000)

    outcome = bench.on_pen(spec, Tests.CALLS, tree=edited(occupy))
    outcome.check_all()
    assert outcome.tree.text("/chosen", "roundpen,offer") == "psci"
    assert kernel_address(outcome) == 0x4060_0000


def test_the_copy_spares_what_is_taken(bench: Bench) -> None:
    """An initrd right behind the kernel, then two reservations: the copy goes behind them."""
    spec = VirtSpec()
    end = behind_the_promise(spec)

    def occupy(tree: Tree) -> None:
        tree.set_u64("/chosen", "linux,initrd-start", end)
        tree.set_u64("/chosen", "linux,initrd-end", end + 0x1234)
        tree.reserve(end + 0x2000, 0x1000)
        reserve(tree, end + 0x3000, 0x8_0000)

    outcome = bench.on_pen(spec, Tests.CALLS, tree=edited(occupy))
    outcome.check_all()
    assert outcome.tree.text("/chosen", "roundpen,offer") == "psci"
    assert tree_address(outcome) == (end + 0x8_3000 + 0xFFF) & ~0xFFF


def test_a_crash_kernel_keeps_to_its_part(bench: Bench) -> None:
    """Outside of linux,usable-memory-range is what a dump is made of."""
    spec = VirtSpec()
    end = behind_the_promise(spec)

    def crash(size: int) -> Callable[[bytes], bytes]:
        limit = struct.pack(">QQ", spec.base_address, end + size - spec.base_address)
        return edited(lambda tree: tree.set("/chosen", "linux,usable-memory-range", limit))

    outcome = bench.on_pen(spec, Tests.CALLS, tree=crash(0x10_0000))
    outcome.check_all()
    assert tree_address(outcome) in range(end, end + 0x10_0000)
    outcome = bench.on_pen(spec, Tests.FRONT, tree=crash(0x1000))
    as_received(outcome)
    assert logbook_in_front(outcome).refusal == Refusal.NO_ROOM


def reserve(tree: Tree, address: int, size: int) -> None:
    """A node in /reserved-memory."""
    tree.add_node("/reserved-memory")
    tree.set("/reserved-memory", "#address-cells", struct.pack(">I", 2))
    tree.set("/reserved-memory", "#size-cells", struct.pack(">I", 2))
    tree.set("/reserved-memory", "ranges", b"")
    node = f"/reserved-memory/somebody@{address:x}"
    tree.add_node(node)
    tree.set(node, "reg", struct.pack(">QQ", address, size))


def as_received(outcome: Outcome) -> None:
    """Not a byte of the tree was touched, and the kernel got it where it was."""
    outcome.check_all()
    assert f"tree {vendor.TREE_ADDRESS:#x} " in outcome.lines[0]
    after, before = (outcome.workdir / "tree.dtb").read_bytes(), original(outcome)
    assert after[: len(before)] == before
    assert not any(after[len(before) :])


@pytest.mark.parametrize("keep", [0x40, 0x400, 0x1000])
def test_truncated_tree(bench: Bench, keep: int) -> None:
    """Its header promises more than there is."""
    outcome = bench.on_pen(VirtSpec(), Tests.FRONT, tree=lambda data: data[:keep])
    as_received(outcome)
    assert logbook_in_front(outcome).refusal == Refusal.TREE_BAD


def test_tree_larger_than_allowed(bench: Bench) -> None:
    def lie(data: bytes) -> bytes:
        return data[:4] + (TREE_MAX + 8).to_bytes(4, "big") + data[8:]

    outcome = bench.on_pen(VirtSpec(), Tests.FRONT, tree=lie)
    outcome.check_all()
    assert logbook_in_front(outcome).refusal == Refusal.TREE_BAD


def test_no_tree(bench: Bench) -> None:
    outcome = bench.on_pen(VirtSpec(), Tests.FRONT, tree=lambda data: bytes(len(data)))
    outcome.check_all()
    assert logbook_in_front(outcome).refusal == Refusal.TREE_BAD


def filled(size: int) -> Callable[[bytes], bytes]:
    """A packed tree of just `size` bytes."""

    def apply(data: bytes) -> bytes:
        tree = Tree(data)
        tree.set("/chosen", "filler", b"")
        room = size - len(tree.to_bytes())
        tree.set("/chosen", "filler", bytes(room & ~3))
        return tree.to_bytes()

    return apply


@pytest.mark.parametrize("below", [0, 16, 64])
def test_full_tree(bench: Bench, below: int) -> None:
    """No room for an edit, not even for the reason: handed on untouched."""
    outcome = bench.on_pen(VirtSpec(), Tests.FRONT, tree=filled(TREE_MAX - below))
    as_received(outcome)
    assert logbook_in_front(outcome).refusal == Refusal.TREE_FULL


@pytest.mark.parametrize("below", range(0x60, 0x1E0, 0x20))
def test_nearly_full_tree(bench: Bench, below: int) -> None:
    """Wherever room runs out, the tree is never half edited."""
    outcome = bench.on_pen(VirtSpec(cpus=2), Tests.FRONT, tree=filled(TREE_MAX - below))
    tree = outcome.tree
    if tree.get("/chosen", "roundpen,offer"):
        outcome.check_all()
        assert tree.text("/psci", "method") == "hvc"
        assert {tree.text(path, "enable-method") for path in tree.children("/cpus")} == {"psci"}
    elif tree.get("/chosen", "roundpen,refused"):
        only_the_reason_was_added(outcome, Refusal.TREE_FULL)
    else:
        as_received(outcome)
        assert logbook_in_front(outcome).refusal == Refusal.TREE_FULL


def test_large_tree_is_no_reason(bench: Bench) -> None:
    outcome = bench.on_pen(VirtSpec(), Tests.CALLS, tree=filled(TREE_MAX - 0x4000))
    outcome.check_all()
    assert outcome.tree.text("/chosen", "roundpen,offer") == "psci"


def test_padded_tree_is_no_reason(bench: Bench) -> None:
    """2 MiB by its header, nearly all of it free space: U-Boot hands over such trees."""

    def pad(data: bytes) -> bytes:
        return data[:4] + TREE_MAX.to_bytes(4, "big") + data[8:]

    outcome = bench.on_pen(VirtSpec(), Tests.CALLS, tree=pad)
    outcome.check_all()
    assert outcome.tree.text("/chosen", "roundpen,offer") == "psci"


def test_wrapped_kernel_under_a_live_pen(bench: Bench) -> None:
    """What kexec does with a wrapped kernel: the second pen leaves everything to the first."""
    spec = VirtSpec()
    tests = Tests.CALLS | Tests.ERRORS | Tests.CYCLES
    second = config_for(spec, tests, nonce=0x5EED, cycles=10, first_line=5)
    image = wrapped(payload_build.image(second))
    outcome = bench.on_pen(
        spec, Tests.NONE, nonce=0x5EED, chain=CHAIN_ADDRESS, more_files=((image, CHAIN_ADDRESS),)
    )
    outcome.check_all()
    assert outcome.lines[4] == f"chain {CHAIN_ADDRESS:#x}"
    assert len(outcome.cases["cycles"]) == 3
    tree, logbook = outcome.tree, outcome.logbook
    assert tree.text("/chosen", "roundpen,refused") == REFUSAL_TEXT[Refusal.LIVE_PEN]
    assert tree.text("/psci", "method") == "hvc"
    assert [path for path in tree.children("/reserved-memory") if "roundpen@" in path] == [
        f"/reserved-memory/roundpen@{logbook.base:x}"
    ]
    assert logbook.base < CHAIN_ADDRESS
    assert logbook.offer == Offer.PSCI
    assert (logbook.stepped_aside, logbook.stepped_aside_reason) == (1, Refusal.LIVE_PEN)
    assert {cpu.state for cpu in logbook.cpus[1:]} == {CpuState.OFF}

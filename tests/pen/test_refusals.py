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
    CpuState,
    Offer,
    Refusal,
)
from roundpen.devicetree import Tree
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
    tree.reserve(0x4021_0000, 0x1000)


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


def test_neither_region_nor_work_is_ram(bench: Bench) -> None:
    """Nowhere to put as much as the reason."""

    def move(tree: Tree) -> None:
        tree.set("/memory@40000000", "reg", struct.pack(">QQ", 0x4800_0000, 0x3800_0000))

    as_received(bench.on_pen(VirtSpec(), Tests.FRONT, tree=edited(move)))


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

# SPDX-License-Identifier: BSD-2-Clause
"""Trees as strangers have them, on a machine: the pen reads as Linux does (docs/reading.md).

tests/unit/test_reading_compared.py has many more, without a machine. Row names: issue 11.
"""

from __future__ import annotations

import struct

import pytest

from roundpen.contract.layout import CpuState, Refusal
from roundpen.devicetree import Tree
from roundpen.lab.vendor import VirtSpec
from tests.pen.config import Tests
from tests.pen.harness import Bench
from tests.pen.test_gather import failed_in_tree, offered, states
from tests.pen.test_refusals import Edit, edited, refused

CPU_2 = "/cpus/cpu@2"


def without_type(tree: Tree) -> None:
    tree.remove_property(CPU_2, "device_type")


@pytest.mark.parametrize("absent", [(), (2,)])
def test_f2_a_cpu_by_its_name_alone(bench: Bench, absent: tuple[int, ...]) -> None:
    """Not counted, it would be started by Linux beside the pen: `kernel BUG` at the next kexec."""
    outcome = bench.on_pen(
        VirtSpec(absent=absent), Tests.DISABLED, disabled=absent, tree=edited(without_type),
        counted=True,
    )  # fmt: skip
    offered(outcome)
    assert failed_in_tree(outcome) == [f"/cpus/cpu@{cpu}" for cpu in absent]
    assert set(states(outcome.logbook)) == {0, 1, 2, 3}


def test_f11_failed_for_a_reason(bench: Bench) -> None:
    """Nobody waits for it, and its node says what it said."""

    def fuse(tree: Tree) -> None:
        tree.set_text("/cpus/cpu@3", "status", "fail-fused")
        tree.remove_property("/cpus/cpu@3", "cpu-release-addr")
        tree.remove_property("/cpus/cpu@3", "enable-method")

    outcome = bench.on_pen(VirtSpec(), Tests.CALLS, tree=edited(fuse), mpidrs=(0, 1, 2))
    outcome.check_all()
    tree = outcome.tree
    assert tree.text("/chosen", "roundpen,offer") == "psci"
    assert tree.text("/cpus/cpu@3", "status") == "fail-fused"
    assert tree.get("/cpus/cpu@3", "enable-method") is None
    assert states(outcome.logbook)[3] is CpuState.FAILED
    assert {states(outcome.logbook)[cpu] for cpu in (1, 2)} == {CpuState.OFF}


def test_f12_cells_that_only_the_root_says(bench: Bench) -> None:
    """An id is then as wide as an address of the root: here two cells."""

    def widen(tree: Tree) -> None:
        tree.remove_property("/cpus", "#address-cells")
        for path in tree.children("/cpus"):
            if tree.text(path, "device_type") == "cpu":
                (number,) = tree.cells(path, "reg")
                tree.set(path, "reg", struct.pack(">Q", number))

    outcome = bench.on_pen(VirtSpec(), Tests.DISABLED, tree=edited(widen))
    offered(outcome)
    assert set(states(outcome.logbook)) == {0, 1, 2, 3}


def test_f22_an_id_that_no_cpu_has(bench: Bench) -> None:
    """Linux never starts it: it stays with the firmware, and its node stays as it was."""

    def with_bit_31(tree: Tree) -> None:
        tree.set(CPU_2, "reg", struct.pack(">I", 0x8000_0002))

    outcome = bench.on_pen(VirtSpec(), Tests.CALLS, tree=edited(with_bit_31), mpidrs=(0, 1, 3))
    outcome.check_all()
    tree = outcome.tree
    assert tree.text("/chosen", "roundpen,offer") == "psci"
    assert tree.text(CPU_2, "enable-method") == "spin-table"
    assert tree.get(CPU_2, "cpu-release-addr") is not None
    assert set(states(outcome.logbook)) == {0, 1, 3}


def test_a_disabled_psci_node_elsewhere_becomes_the_pens(bench: Bench) -> None:
    """Linux looks at the first and, when that is disabled, at no other."""

    def leave(tree: Tree) -> None:
        tree.add_node("/a-firmware")
        tree.add_node("/a-firmware/psci")
        tree.set("/a-firmware/psci", "compatible", b"arm,psci\0")
        tree.set_text("/a-firmware/psci", "status", "disabled")

    outcome = bench.on_pen(VirtSpec(), Tests.CALLS, tree=edited(leave))
    outcome.check_all()
    tree = outcome.tree
    assert not tree.has("/psci")
    assert tree.get("/a-firmware/psci", "status") is None
    assert tree.text("/a-firmware/psci", "method") == "hvc"
    assert tree.get("/a-firmware/psci", "compatible") == b"arm,psci-1.0\0arm,psci-0.2\0"


IDLE = "/cpus/idle-states"
STATES = {"standby": 0, "sleep": 0x1_0000}


def with_idle_states(tree: Tree) -> None:
    """CPUs 0 and 1 have both states, CPU 2 only the one that the pen lacks, CPU 3 none."""
    tree.add_node(IDLE)
    for number, (name, param) in enumerate(STATES.items()):
        path = f"{IDLE}/{name}"
        tree.add_node(path)
        tree.set_text(path, "compatible", "arm,idle-state")
        tree.set(path, "phandle", struct.pack(">I", 0x7701 + number))
        tree.set(path, "arm,psci-suspend-param", struct.pack(">I", param))
    for cpu, handles in ((0, (0x7702, 0x7701)), (1, (0x7702, 0x7701)), (2, (0x7702,))):
        tree.set(f"/cpus/cpu@{cpu}", "cpu-idle-states", struct.pack(f">{len(handles)}I", *handles))


def test_idle_states_that_the_pen_refuses_are_not_offered(bench: Bench) -> None:
    """Linux would call CPU_SUSPEND with them each time that a CPU has nothing to do."""
    outcome = bench.on_pen(VirtSpec(), Tests.CALLS, tree=edited(with_idle_states))
    outcome.check_all()
    tree = outcome.tree
    assert tree.text("/chosen", "roundpen,offer") == "psci"
    left = [tree.get(f"/cpus/cpu@{cpu}", "cpu-idle-states") for cpu in range(4)]
    standby = struct.pack(">I", 0x7701)
    assert left == [standby, standby, None, None]


def with_gicv5(tree: Tree) -> None:
    tree.add_node("/a-gic")
    tree.set_text("/a-gic", "compatible", "arm,gic-v5")


def without_ranges(tree: Tree) -> None:
    if not tree.has("/reserved-memory"):
        tree.add_node("/reserved-memory")
        for name in ("#address-cells", "#size-cells"):
            tree.set("/reserved-memory", name, struct.pack(">I", 2))
    else:
        tree.remove_property("/reserved-memory", "ranges")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [(with_gicv5, Refusal.GIC_V5), (without_ranges, Refusal.RESERVATIONS_IGNORED)],
)
def test_what_rules_the_pen_out(bench: Bench, edit: Edit, reason: Refusal) -> None:
    assert refused(bench, VirtSpec(), reason, edited(edit)).logbook.refusal == reason

# SPDX-License-Identifier: BSD-2-Clause
"""The pen and `check` read a tree the same way, and the pen's edits change no answer of Linux's.

The pen's own C runs on this host. The trees are random, and biased to what strangers' trees have
shown: the strings of `status`, names, cells, ids that nobody has, words that are none.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from roundpen.check import Board, survey
from roundpen.check.reading import METHODS
from roundpen.check.source import compile_source
from roundpen.contract.layout import Offer, Refusal
from roundpen.devicetree import Outline
from tests.unit import pen_survey
from tests.unit.check_boards import Nodes, around, cpu, dtb, psci, reserved, returnable, spin, u64
from tests.unit.test_check_hostile import trees

FIELD = sorted((Path(__file__).parent / "field").glob("*.dts"))
pytestmark = pytest.mark.skipif(pen_survey.compiler() is None, reason="no C compiler here")
OFFERS = (Offer.PSCI, Offer.RETURN)


def agree(tree: bytes, boot_id: int, offer: Offer = Offer.PSCI) -> Board:
    found, board = pen_survey.checked(tree, boot_id, offer)
    assert pen_survey.pen(tree, boot_id, offer) == found
    return board


# No example has a deadline: the first one waits for the compiler.


# --- trees ---------------------------------------------------------------------------------

often = st.sampled_from
statuses = often(
    ["okay", "ok", "", "fail", "fail-fused", "failed", "disabled", "reserved", None]
    * 2 + [b"fail", b"okay", ["fail", "okay"], ["okay", "fail"], "fail-", "FAIL", b"\0fail"]
)  # fmt: skip
methods = often(
    ["spin-table"] * 12 + ["psci", "brcm,bcm2836-smp", "", None, b"spin-table", "Spin-Table"]
    + [["spin-table", "psci"], ["psci", "spin-table"], "spin-table2"]
)  # fmt: skip
words = often(
    [u64(0x4000_0000), u64(0x4000_0008), u64(0x4000_0010)] * 4
    + [u64(0), u64(0x4000_0004), 0x4000_0000, b"", None, u64(0x4000_0000) * 2, b"\0" * 7]
)  # fmt: skip
ids = often([0, 1, 2, 3, 0x100, 0x101, 0x8000_0000, 0x0100_0000, 0xFFFF_FFFF])
regs = st.one_of(
    ids, st.lists(ids, min_size=1, max_size=3), often([None, b"", b"\0\0\0", b"\0" * 6])
)
cell_counts = often([1, 2, 2, 3, 0, None, b"\0\1", [1, 5], [2, 0], 0x4000_0001, 0x8000_0000])


def maybe(what: st.SearchStrategy[object], one_in: int) -> st.SearchStrategy[object]:
    """... stands for: as it was. Where all is wrong nothing is compared but a refusal."""
    return often(range(one_in)).flatmap(lambda place: st.just(...) if place else what)


cpu_changes = st.fixed_dictionaries(
    {
        "status": maybe(statuses, 12),
        "enable-method": maybe(methods, 8),
        "cpu-release-addr": maybe(words, 8),
        "reg": maybe(regs, 12),
        "device_type": maybe(often(["cpu", "cpu2", None, b"cpu", ["cpu", "x"], ["x", "cpu"]]), 6),
    }
)
node_names = often(["cpu@{}", "cpu@{}", "cpu@{}", "core@{}", "cpu{}@0", "CPU@{}"])
psci_nodes = st.fixed_dictionaries(
    {
        "compatible": often(
            [
                "arm,psci",
                "arm,psci-1.0",
                "ARM,PSCI-0.2",
                ["x,y", "arm,psci"],
                "arm,psci-2.0",
                b"arm,psci-1.0",
                "psci",
                ["arm,psci", "arm,psci-1.0"],
            ]
        ),
        "method": often(["smc", "hvc", b"smc", "", "svc"]),
        "status": maybe(statuses, 2),
    }
)


@st.composite
def boards(draw: st.DrawFn) -> Nodes:
    """A board with some things wrong."""
    cpus: Nodes = {}
    for number in range(draw(often(range(1, 6)))):
        node: Nodes = {"device_type": "cpu", "reg": number, "enable-method": "spin-table"}
        node["cpu-release-addr"] = u64(0x4000_0000 + 8 * number)
        for name, value in draw(cpu_changes).items():
            _set(node, name, value)
        cpus[draw(node_names).format(number)] = node
    nodes = around(cpus)
    _set(nodes["cpus"], "#address-cells", draw(maybe(cell_counts, 12)))
    _set(nodes["cpus"], "enable-method", draw(maybe(methods, 6)))
    for name in ("#address-cells", "#size-cells"):
        _set(nodes, name, draw(maybe(cell_counts, 24)))
    for place in draw(st.sets(often(["psci", "firmware", "a-bus", "psci@0"]), max_size=2)):
        found = {name: value for name, value in draw(psci_nodes).items() if value is not ...}
        nodes[place] = found if place.startswith("psci") else {"psci": found}
    if draw(often(range(4))) == 0:
        parent = reserved(**{"a@50000000": {"reg": [0, 0x5000_0000, 0, 0x1000]}})
        for name in ("#address-cells", "#size-cells"):
            _set(parent, name, draw(maybe(cell_counts, 8)))
        if draw(often(range(4))) == 0:
            del parent["ranges"]
        nodes[draw(often(["reserved-memory", "reserved-memory@0", "reserved-memory2"]))] = parent
    if draw(often(range(10))) == 0:
        nodes["gic@0"] = {
            "compatible": draw(often(["arm,gic-v5", ["arm,gic-v3", "arm,gic-v5"], "Arm,GIC-V5"])),
            "status": draw(statuses),
        }
    if draw(often(range(20))) == 0:
        nodes[draw(often(["cpus@0", "Cpus", "CPUS"]))] = nodes.pop("cpus")
    return nodes


def _set(node: Nodes, name: str, value: object) -> None:
    """... leaves it as it is; None removes it, save where there is nothing to remove."""
    if value is None:
        node.pop(name, None)
    elif value is not ...:
        node[name] = value


# --- both sides ----------------------------------------------------------------------------


@settings(max_examples=250, deadline=None)
@given(boards(), often([0, 0, 0, 1, 0x100]), often(OFFERS))
def test_one_reading(nodes: Nodes, boot_id: int, offer: Offer) -> None:
    agree(dtb(nodes), boot_id, offer)


@settings(max_examples=100, deadline=None)
@given(trees, often([0, 1]))
@example({"compatible": "arm,psci", **spin().nodes}, 0)
def test_one_reading_of_nonsense(nodes: Nodes, boot_id: int) -> None:
    agree(dtb(nodes), boot_id)


@pytest.mark.parametrize("path", FIELD, ids=lambda path: path.stem)
@pytest.mark.parametrize("boot_id", [0, 0x100, 0x10100])
def test_one_reading_of_strangers(path: Path, boot_id: int) -> None:
    tree = compile_source(path.read_bytes(), path)
    for offer in OFFERS:
        agree(tree, boot_id, offer)


@settings(max_examples=150, deadline=None)
@given(boards(), often([0, 0, 0, 1]), often(OFFERS))
@example(spin().nodes, 0, Offer.PSCI)
@example(
    {**spin().nodes, "firmware": {"psci": {"compatible": "arm,psci", "status": "no"}}},
    0,
    Offer.PSCI,
)
def test_no_edit_changes_what_linux_counts(nodes: Nodes, boot_id: int, offer: Offer) -> None:
    """Who was possible is, who was not is not; and Linux finds the pen."""
    tree = dtb(nodes)
    after = pen_survey.rewritten(tree, boot_id, offer)
    if after is None:
        return
    before, board = survey(Outline(tree), boot_id), survey(Outline(after), boot_id)
    assert [(cpu.path, cpu.number, cpu.possible) for cpu in board.cpus] == [
        (cpu.path, cpu.number, cpu.possible) for cpu in before.cpus
    ]
    started = {cpu.method for cpu in board.possible}
    assert started == {"psci" if offer is Offer.PSCI else "spin-table"}
    assert board.reservations_ignored is None
    assert any(entry.no_map and entry.range.start == pen_survey.REGION for entry in board.reserved)
    if offer is Offer.PSCI:
        taken = board.taken_psci
        assert taken is not None
        assert (taken.method, taken.cpu_on, taken.cpu_off) == ("hvc", True, True)
    else:
        assert len({cpu.word for cpu in board.possible}) == len(board.possible)
        assert all(cpu.entry for cpu in board.possible)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_cpu_that_did_not_come_is_marked_whatever_its_node_looks_like(lost: int) -> None:
    """F2: the node without device_type counts, is offered, and is marked."""
    path = Path(__file__).parent / "field" / "onenodt.dts"
    after = pen_survey.rewritten(compile_source(path.read_bytes(), path), 0, failed=lost)
    assert after is not None
    board = survey(Outline(after), 0)
    assert [cpu.hwid for cpu in board.possible] == [cpu for cpu in range(4) if cpu != lost]
    assert {cpu.method for cpu in board.cpus} == {"psci"}


# --- one by one ----------------------------------------------------------------------------


def refusal_of(nodes: Nodes, boot_id: int = 0, offer: Offer = Offer.PSCI) -> Refusal:
    tree = dtb(nodes)
    agree(tree, boot_id, offer)
    return pen_survey.pen(tree, boot_id, offer).refusal


def with_cpu(number: int, **more: object) -> Nodes:
    nodes = spin().nodes
    cpus = dict(nodes["cpus"])
    node = {
        **cpus[f"cpu@{number}"],
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    if "device-type" in node:
        node["device_type"] = node.pop("device-type")
    cpus[f"cpu@{number}"] = {name: value for name, value in node.items() if value is not ...}
    return {**nodes, "cpus": cpus}


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (spin().nodes, Refusal.NONE),
        (returnable().nodes, Refusal.NONE),
        (psci().nodes, Refusal.PSCI_PRESENT),
        (spin(1).nodes, Refusal.NO_SECONDARIES),
        (with_cpu(2, device_type=...), Refusal.NONE),
        (with_cpu(2, status="fail-fused", cpu_release_addr=...), Refusal.NONE),
        (with_cpu(2, status="failed", cpu_release_addr=...), Refusal.RELEASE_WORD_BAD),
        (with_cpu(0, status="fail"), Refusal.BOOT_CPU_UNKNOWN),
        (with_cpu(2, reg=[2, 0]), Refusal.NONE),
        (with_cpu(1, reg=[1, 2]), Refusal.DUPLICATE_CPU),
        (with_cpu(2, reg=[2, 1]), Refusal.NONE),
        (with_cpu(2, reg=0x8000_0002), Refusal.NONE),
        (with_cpu(2, reg=b"\0\2"), Refusal.NONE),
        (with_cpu(2, enable_method=["psci", "spin-table"]), Refusal.PSCI_PRESENT),
        (with_cpu(2, enable_method=["spin-table", "psci"]), Refusal.NONE),
        (with_cpu(2, enable_method=...), Refusal.NOT_SPIN_TABLE),
        (with_cpu(0, enable_method=..., cpu_release_addr=...), Refusal.NONE),
        (with_cpu(2, cpu_release_addr=u64(0x4000_0200) * 2), Refusal.NONE),
        (around({**spin().nodes["cpus"], "#address-cells": b"\0"}), Refusal.BOOT_CPU_UNKNOWN),
        (around({**spin().nodes["cpus"], "#address-cells": 3}), Refusal.CELLS_BAD),
        ({**spin().nodes, "#size-cells": 3}, Refusal.CELLS_BAD),
        ({**spin().nodes, "a": {"b": {"compatible": "arm,gic-v5"}}}, Refusal.GIC_V5),
        ({**spin().nodes, "compatible": ["x", "arm,psci"]}, Refusal.PSCI_PRESENT),
        ({**spin().nodes, "reserved-memory": {"ranges": None}}, Refusal.RESERVATIONS_IGNORED),
    ],
)  # fmt: skip
def test_what_the_pen_says(nodes: Nodes, expected: Refusal) -> None:
    assert refusal_of(nodes) is expected


def test_cells_that_the_root_says() -> None:
    """F12: /cpus without its own; ids of two cells because the root has two."""
    nodes = around({f"cpu@{number}": cpu(number, reg=[0, number]) for number in range(2)})
    for node in nodes["cpus"].values():
        if isinstance(node, dict):
            node.update({"enable-method": "spin-table", "cpu-release-addr": u64(0x4000_0000)})
    del nodes["cpus"]["#address-cells"]
    assert refusal_of(nodes) is Refusal.NONE


def test_a_gicv5_is_no_matter_to_who_stays_at_its_level() -> None:
    nodes = {**spin().nodes, "gic": {"compatible": "arm,gic-v5"}}
    assert refusal_of(nodes, offer=Offer.RETURN) is Refusal.NONE


def test_the_methods_are_what_the_pen_compares_with() -> None:
    text = "".join(path.read_text() for path in pen_survey.BOOT.glob("*.c"))
    assert all(f'"enable-method", "{method}"' in text for method in METHODS)

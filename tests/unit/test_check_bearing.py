# SPDX-License-Identifier: BSD-2-Clause
"""Routes follow findings: on boards that nobody thought of, no way is open beside an error."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen.check import Rule, Severity, State, System, check_board, find_rule, routes, rules
from roundpen.check.bearing import ALL, Answer, closes, together
from roundpen.check.refusing import refusal
from roundpen.check.ways import WAYS
from roundpen.contract import layout
from roundpen.contract.layout import Refusal
from tests.unit.check_boards import (
    LIVE,
    Nodes,
    Sample,
    changed,
    psci,
    reserved,
    returnable,
    spin,
    u64,
    with_reserve,
)

OPEN, DEPENDS, CLOSED = State.OPEN, State.DEPENDS, State.CLOSED
NODE: Nodes = {"compatible": "arm,psci", "method": "smc", "cpu_on": 1}
ITS: Nodes = {"compatible": "arm,gic-v3", "its@2": {"compatible": "arm,gic-v3-its"}}
LOCAL: Nodes = {"compatible": "brcm,bcm2836-l1-intc", "interrupt-controller": None}
OF_A_CPU: dict[str, list[object]] = {
    "reg": [..., 0, 1, 0x8000_0001, [0, 1], b"\0"],
    "status": ["fail", "fail-x", "okay", "disabled"],
    "enable-method": [..., "psci", "spin-table", "rtk-spin-table"],
    "cpu-release-addr": [..., u64(0), u64(0xD8), u64(0x4000_0104), u64(0x4800_0000), 7],
    "cpu-return-addr": [..., u64(0), u64(0x4010_0040), u64(0x4010_0042), 7],
}
"""Properties, and what a tree may say there."""
OF_THE_BOARD: list[tuple[str, dict[str, object]]] = [
    ("/", {"compatible": ["raspberrypi,5-model-b", "brcm,bcm2712"]}),
    ("/", {"compatible": ["apple,j274", "apple,t8103"]}),
    ("/", {"compatible": ["apple,d10", "apple,t8010"]}),
    ("/", {"psci": NODE}),
    ("/", {"psci": {"compatible": "arm,psci-1.0", "method": "hvc"}}),
    ("/", {"psci": {"compatible": "arm,psci-1.0", "status": "disabled"}}),
    ("/", {"gic@1": ITS}),
    ("/", {"local@1": LOCAL}),
    ("/", {"gic@1": {"compatible": "arm,gic-v5"}}),
    ("/", {"reserved-memory": reserved(**{"atf@0": {"reg": [0, 0, 0, 1]}})}),
    ("/", {"reserved-memory": {"#address-cells": 1}}),
    ("/", {"cpus": {}}),
    ("memory@40000000", {"reg": [0, 0, 0, 0]}),
    ("memory@40000000", {"reg": [1]}),
    ("chosen", {"roundpen,refused": "two CPU nodes have the same MPIDR"}),
    ("chosen", {"roundpen,offer": "psci"}),
    ("chosen", {"blob": bytes(layout.TREE_MAX)}),
]
LINES = [
    "Can't kexec: CPUs are stuck in the kernel.",
    "CPU1: failed to come online",
    "psci: failed to boot CPU1 (-95)",
    "psci: failed to boot CPU1 (-22)",
    "missing boot CPU MPIDR, not enabling secondaries",
]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """A sound board with a few things changed."""
    sample = draw(st.sampled_from([psci(), spin(), returnable(), psci(1)]))
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(sorted(OF_A_CPU)))
        place = f"cpus/cpu@{draw(st.integers(0, 3))}"
        sample = changed(sample, place, **{name: draw(st.sampled_from(OF_A_CPU[name]))})
    for place, properties in draw(st.lists(st.sampled_from(OF_THE_BOARD), max_size=2)):
        sample = changed(sample, place, **properties)
    block = draw(st.sampled_from([None, (), ((0x4000_0000, 0x304),), ((0x4000_0100, 8),)]))
    return sample if block is None else with_reserve(sample, *block)


def some(values: list[object]) -> st.SearchStrategy[object]:
    return st.sampled_from(values)


def can_be(system: System) -> bool:
    """No kernel has more CPUs online than it counts as possible."""
    return system.possible is None or (system.online or 0) <= system.possible


systems = st.builds(System, entry_level=st.sampled_from([None, 1, 2, 3])) | st.builds(
    lambda **changes: replace(LIVE, **changes),
    entry_level=some([1, 2]),
    config=some([None, LIVE.config, {"CONFIG_KEXEC": "y"}, {"CONFIG_HOTPLUG_CPU": "y"}]),
    command_line=some(["quiet", "nr_cpus=1", "maxcpus=1", "kvm-arm.mode=protected"]),
    lockdown=some(["none", "integrity"]),
    kexec_disabled=some([None, False, True]),
    possible=some([None, 1, 4]),
    online=some([None, 1, 3, 4]),
    offline=some([(), (0,), (2,)]),
    cannot_offline=some([(), (2,)]),
    log=some([(), *((line,) for line in LINES)]),
).filter(can_be)


@given(samples(), systems)
def test_no_way_is_open_beside_an_error_that_contradicts_it(sample: Sample, system: System) -> None:
    checked = check_board(sample.board(), system)
    for route in checked.routes:
        said = [find_rule(each.code).on(route.name, live=system.live) for each in checked.findings]
        states = [answer.state for answer in said if answer is not None]
        assert not (route.state is OPEN and states)
        assert route.state is CLOSED or CLOSED not in states
        assert route.reason.isprintable()


@given(samples(), systems)
def test_what_an_open_way_promises(sample: Sample, system: System) -> None:
    """The same from another side: what the kernel and the pen themselves ask for."""
    board = sample.board()
    found = {route.name: route.state for route in routes(board, system)}
    assert found["pen-psci-el3"] is CLOSED
    assert found["pen-return"] is not OPEN
    if found["firmware-return"] is OPEN:
        assert system.live
        assert not system.cannot_offline
        assert all(cpu.returns_to for cpu in board.spinning)
    if found["pen-psci-el2"] is OPEN:
        assert refusal(board) is Refusal.NONE
        assert system.entry_level == 2
    if found["late"] is OPEN:
        assert system.live
        assert system.option("HOTPLUG_CPU") is not False
        assert {cpu.method for cpu in board.secondaries} in ({"spin-table"}, {"psci"})
        assert board.pen_offer != "psci"
    if found["psci"] is OPEN and board.secondaries and board.pen_offer != "psci":
        assert {cpu.method for cpu in board.possible} == {"psci"}
        assert system.live
        assert board.taken_psci is not None
        assert board.taken_psci.cpu_off


@pytest.mark.parametrize(
    "code", [entry.code for entry in rules() if entry.severity is Severity.ERROR]
)
def test_every_error_says_what_it_means_for_each_way(code: str) -> None:
    named = [name for each in find_rule(code).bears for name in each.ways]
    assert set(named) == set(ALL), f"{code}: closes(), unsettles() or spares() each way"


@pytest.mark.parametrize("entry", rules(), ids=lambda entry: entry.code)
def test_a_bearing_is_plain(entry: Rule) -> None:
    """What makes a way depend reads as a condition, and no way is named twice for one case."""
    for file_only in (True, False):
        named = [name for each in entry.bears for name in each.ways if each.file_only is file_only]
        assert len(named) == len(set(named))
    for each in entry.bears:
        assert (each.because == "") == (each.state is OPEN)
        if each.state is DEPENDS:
            assert each.because.startswith(("if ", "not refused"))


def test_the_names_of_the_ways() -> None:
    assert tuple(way.name for way in WAYS) == ALL
    with pytest.raises(ValueError, match="no way is called by-magic"):
        closes("by-magic", because="x")


def test_what_closes_comes_first_and_conditions_add_up() -> None:
    said = [
        (Answer(OPEN, "a"), ""),
        (Answer(DEPENDS, "if b"), "RP1"),
        (Answer(DEPENDS, "if c"), ""),
    ]
    assert together([*said, (Answer(DEPENDS, "if b"), "RP2")]) == (
        DEPENDS,
        "if b (RP1, RP2); and if c",
    )
    assert together([*said, (Answer(CLOSED, "d"), ""), (Answer(CLOSED, "e"), "RP3")]).reason == "d"

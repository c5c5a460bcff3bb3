# SPDX-License-Identifier: BSD-2-Clause
"""Which ways are open on which board, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roundpen.check import State, System, routes
from roundpen.check.ways import WAYS
from roundpen.contract import layout
from tests.unit.check_boards import (
    LIVE,
    Sample,
    changed,
    each_cpu,
    on,
    psci,
    returnable,
    spin,
    u64,
    with_reserve,
)


def answers(sample: Sample) -> dict[str, State]:
    return {route.name: route.state for route in routes(sample.board(), sample.system)}


def reason(sample: Sample, name: str) -> str:
    found = routes(sample.board(), sample.system)
    return next(route.reason for route in found if route.name == name)


def at_level(sample: Sample, level: int) -> Sample:
    return on(sample, System(entry_level=level))


@pytest.mark.parametrize("sample", [psci(), spin(), returnable(), psci(1), Sample({})])
def test_every_way_is_judged_once_and_open_ones_come_first(sample: Sample) -> None:
    found = routes(sample.board())
    assert sorted(route.name for route in found) == sorted(way.name for way in WAYS)
    order = [list(State).index(route.state) for route in found]
    assert order == sorted(order)
    assert all(route.reason for route in found)


def test_psci_wins_where_it_is() -> None:
    """A file only promises it; a running system with two CPUs shows that somebody serves it."""
    found = routes(psci().board())
    assert (found[0].name, found[0].state) == ("psci", State.DEPENDS)
    assert answers(psci())["pen-psci-el2"] is State.CLOSED
    found = routes(psci().board(), LIVE)
    assert (found[0].name, found[0].state) == ("psci", State.OPEN)
    assert answers(on(psci(), replace(LIVE, online=None)))["psci"] is State.DEPENDS


def test_a_spin_table_entered_at_el2() -> None:
    found = routes(spin().board(), System(entry_level=2))
    assert (found[0].name, found[0].state) == ("pen-psci-el2", State.OPEN)


def test_a_spin_table_entered_at_el1_leaves_the_return_offer() -> None:
    found = answers(at_level(spin(), 1))
    assert found["pen-psci-el2"] is State.CLOSED
    assert found["pen-return"] is State.DEPENDS


def test_entered_at_el3_no_pen() -> None:
    found = answers(at_level(spin(), 3))
    assert found["pen-psci-el2"] is found["pen-return"] is State.CLOSED


def test_the_pen_at_el3_is_not_built_and_says_so() -> None:
    assert answers(spin())["pen-psci-el3"] is State.CLOSED
    assert "not built" in reason(spin(), "pen-psci-el3")


def test_nr_cpus_needs_reserved_words() -> None:
    assert answers(spin())["nr-cpus"] is State.DEPENDS
    assert answers(with_reserve(spin()))["nr-cpus"] is State.CLOSED
    assert "unsafe" in reason(with_reserve(spin()), "nr-cpus")


def test_firmware_that_keeps_the_contract() -> None:
    assert answers(returnable())["firmware-return"] is State.DEPENDS
    broken = changed(returnable(), "cpus/cpu@2", cpu_return_addr=u64(0x5000_0000))
    assert answers(broken)["firmware-return"] is State.CLOSED
    assert "RP047" in reason(broken, "firmware-return")
    assert answers(spin())["firmware-return"] is State.CLOSED


@pytest.mark.parametrize(
    ("sample", "refusal"),
    [
        (psci(), "PSCI_PRESENT"),
        (each_cpu(spin(), enable_method="rtk-spin-table"), "NOT_SPIN_TABLE"),
        (on(each_cpu(spin(), enable_method=...), LIVE), "NOT_SPIN_TABLE"),
        (changed(spin(), "cpus/cpu@2", cpu_release_addr=0x4000_0200), "RELEASE_WORD_BAD"),
        (on(changed(spin(), "cpus/cpu@2", cpu_release_addr=...), LIVE), "RELEASE_WORD_BAD"),
        (on(each_cpu(spin(), cpu_release_addr=u64(0)), LIVE), "RELEASE_WORD_BAD"),
        (at_level(spin(), 1), "ENTRY_LEVEL"),
        (changed(spin(), "cpus", **{"#address-cells": 3}), "CELLS_BAD"),
        (changed(spin(), "cpus/cpu@2", reg=1), "DUPLICATE_CPU"),
        (spin(layout.SLOT_MAX + 1), "TOO_MANY_CPUS"),
        (changed(spin(), "/", compatible=["apple,j274", "apple,t8103"]), "E2H_FIXED"),
        (changed(spin(), "chosen", blob=bytes(layout.TREE_MAX)), "TREE_BAD"),
    ],
)
def test_where_the_pen_would_step_aside_it_says_how(sample: Sample, refusal: str) -> None:
    assert answers(sample)["pen-psci-el2"] is State.CLOSED
    assert refusal in reason(sample, "pen-psci-el2")
    assert refusal in layout.Refusal.__members__


def test_words_that_the_loader_fills_in_leave_it_open() -> None:
    assert answers(each_cpu(spin(), cpu_release_addr=u64(0)))["pen-psci-el2"] is State.DEPENDS


@pytest.mark.parametrize(
    ("system", "closed"),
    [
        (replace(LIVE, config={"CONFIG_HOTPLUG_CPU": "y"}), {way.name for way in WAYS}),
        (replace(LIVE, kexec_disabled=True), {way.name for way in WAYS}),
        (
            replace(LIVE, config={"CONFIG_KEXEC": "y", "CONFIG_CRASH_DUMP": "y"}),
            {way.name for way in WAYS} - {"nr-cpus", "kdump"},
        ),
    ],
)
def test_what_the_kernel_lacks(system: System, closed: set[str]) -> None:
    found = answers(on(spin(), system))
    assert {name for name, state in found.items() if state is State.CLOSED} == closed


def test_hvc_from_el2_reaches_nobody() -> None:
    sample = changed(psci(), "psci", method="hvc")
    assert answers(at_level(sample, 2))["psci"] is State.CLOSED
    assert answers(on(sample, replace(LIVE, entry_level=1)))["psci"] is State.OPEN
    assert "EL1" in reason(sample, "psci")


def test_a_pen_at_work_is_psci() -> None:
    sample = changed(psci(), "chosen", **{"roundpen,offer": "psci"})
    sample = changed(sample, "psci", method="hvc")
    assert routes(sample.board(), System(entry_level=1))[0].name == "psci"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"reserved-memory": {"#address-cells": 2, "#size-cells": 2}}, "RESERVATIONS_IGNORED"),
        ({"gic@1": {"compatible": "arm,gic-v5"}}, "GIC_V5"),
        ({"#address-cells": 3}, "CELLS_BAD"),
        ({"compatible": ["apple,t8103"]}, "E2H_FIXED"),
    ],
)
def test_what_a_loader_fills_in_hides_nothing_that_closes(
    change: dict[str, object], refusal: str
) -> None:
    for lacking in (
        each_cpu(spin(), cpu_release_addr=u64(0)),
        each_cpu(spin(), cpu_release_addr=...),
        each_cpu(spin(), enable_method=...),
    ):
        assert answers(at_level(lacking, 2))["pen-psci-el2"] is State.DEPENDS
        sample = changed(lacking, "/", **change)
        assert answers(at_level(sample, 2))["pen-psci-el2"] is State.CLOSED
        assert refusal in reason(at_level(sample, 2), "pen-psci-el2")


LATE = replace(LIVE, config={**(LIVE.config or {}), "CONFIG_MODULES": "y", "CONFIG_KPROBES": "y"})
"""A stock kernel that can take the module."""


def late(sample: Sample, **changes: object) -> tuple[State, str]:
    found = routes(sample.board(), replace(LATE, **changes))  # type: ignore[arg-type]
    return next((route.state, route.reason) for route in found if route.name == "late")


def test_a_stock_kernel_on_a_spin_table_comes_first_by_the_late_pen() -> None:
    found = routes(spin().board(), LATE)
    assert (found[0].name, found[0].state) == ("late", State.OPEN)
    assert answers(spin())["late"] is State.DEPENDS


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"config": None}, State.DEPENDS, "its configuration can't be read"),
        ({"late_pen": "made", "config": None}, State.OPEN, "the module has a pen (made)"),
        ({"late_pen": "adopted"}, State.OPEN, "adopted"),
        ({"command_line": "nosmp"}, State.OPEN, "a module"),
        ({"possible": 2, "online": 2}, State.CLOSED, "uses 2 of 4 CPUs"),
        ({"command_line": "maxcpus=2"}, State.OPEN, "a module"),
        ({"modules_disabled": True}, State.CLOSED, "modules_disabled"),
        ({"release": "5.15.0-rpi"}, State.CLOSED, "5.16"),
        ({"release": "4.19.1"}, State.CLOSED, "5.16"),
        ({"release": "mine"}, State.OPEN, "a module"),
        ({"lockdown": "integrity"}, State.DEPENDS, "if the module is signed"),
        ({"possible": 1, "online": 1}, State.CLOSED, "one CPU only"),
    ],
)
def test_what_the_module_needs(changes: dict[str, object], state: State, said: str) -> None:
    found = late(spin(), **changes)
    assert found[0] is state
    assert said in found[1]


@pytest.mark.parametrize(
    ("option", "value", "state"),
    [
        ("MODULES", "n", State.CLOSED),
        ("KPROBES", "n", State.CLOSED),
        ("HOTPLUG_CPU", "n", State.CLOSED),
        ("CPU_BIG_ENDIAN", "y", State.CLOSED),
        ("MODULE_SIG_FORCE", "y", State.DEPENDS),
    ],
)
def test_what_the_configuration_says(option: str, value: str, state: State) -> None:
    config = {**(LATE.config or {}), f"CONFIG_{option}": value}
    assert late(spin(), config=config)[0] is state


def test_kexec_file_alone_needs_kretprobes() -> None:
    config = {**(LATE.config or {}), "CONFIG_KEXEC": "n", "CONFIG_KEXEC_FILE": "y"}
    assert late(spin(), config=config)[0] is State.CLOSED
    assert late(spin(), config={**config, "CONFIG_KRETPROBES": "y"})[0] is State.OPEN


def test_psci_that_takes_cpus_back_needs_no_late_pen() -> None:
    state, said = late(psci())
    assert (state, "not needed" in said) == (State.CLOSED, True)
    pi_5 = changed(psci(), "/", compatible=["raspberrypi,5-model-b", "brcm,bcm2712"])
    pi_5 = changed(
        pi_5,
        "/",
        **{
            "reserved-memory": {
                "#address-cells": 2,
                "#size-cells": 2,
                "ranges": None,
                "atf@0": {"reg": [0, 0, 0, 0x80000], "no-map": None},
            }
        },
    )
    assert late(pi_5)[0] is State.OPEN
    assert late(pi_5, offline=(2,))[0] is State.CLOSED
    pi_4 = changed(psci(), "/", compatible=["raspberrypi,4-model-b", "brcm,bcm2711"])
    assert late(pi_4)[0] is State.DEPENDS


def test_a_kernel_that_gives_cpus_back_by_itself_needs_no_late_pen() -> None:
    assert "not needed" in late(returnable())[1]
    assert answers(on(returnable(), LATE))["firmware-return"] is State.OPEN
    assert late(returnable(), cannot_offline=(1, 2, 3))[0] is State.OPEN
    assert late(returnable(), late_pen="adopted")[0] is State.OPEN


@pytest.mark.parametrize(
    "sample",
    [
        Sample({}),
        psci(1),
        each_cpu(spin(), enable_method=...),
        each_cpu(spin(), enable_method="rtk-spin-table"),
        changed(spin(), "cpus/cpu@0", enable_method="psci"),
        changed(spin(), "chosen", **{"roundpen,offer": "psci"}),
    ],
)
def test_where_there_is_no_late_pen(sample: Sample) -> None:
    assert late(sample)[0] is State.CLOSED

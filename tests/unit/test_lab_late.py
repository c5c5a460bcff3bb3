# SPDX-License-Identifier: BSD-2-Clause
"""What is asked of kernels with the module, and what speaks against them."""

from __future__ import annotations

import pytest

from roundpen.contract.layout import Offer
from roundpen.lab import late
from roundpen.lab.course import Stage, counts, stages
from roundpen.lab.events import Event
from roundpen.lab.machines import Machine, machine
from roundpen.lab.scenario import Late, Pen, Scenario, expected
from roundpen.lab.steps import steps

PI = machine("raspi3b")
VIRT = machine("virt-shared-el2-gicv3-4-a72")
REFUSAL = "status=255 said=busy kernel=kexec: Can't kexec: CPUs are stuck in the kernel."
LOADED = "status=0 mounted=1 online=0-3 pen=made way=spin-table region=0x8400000,0x10000 level=EL2"


def scenario(board: Machine, **more: object) -> Scenario:
    values = {"kexecs": 1, "cycles": 1, "late": Late(), "expects": expected(board, None, late=True)}
    return Scenario(**{**values, **more})  # type: ignore[arg-type]


def said(name: str, text: str) -> Event:
    return Event(0, 0, name, text, 1.0)


def problems(*events: Event, stage: Stage, board: Machine = VIRT) -> list[str]:
    wanted = expected(board, None, late=True)
    return list(late.check(events, stage, wanted, "EL2"))


def test_stock_first_then_the_module() -> None:
    first, last = stages(scenario(VIRT, boot_cpu_too=True), 4)
    assert (first.late, first.refused_first, first.refused) == (True, True, False)
    assert first.unplugged == (0, 1, 2, 3)
    lines = steps(scenario(VIRT), 4)
    assert lines.index("0 before") < lines.index("0 late") < lines.index("0 hotplug 1 1 2 3")
    # There is nothing that the last kernel could load.
    assert (last.late, last.refused_first) == (True, False)


def test_the_pen_that_a_module_makes_is_in_the_next_kernels_tree() -> None:
    wanted = expected(VIRT, None, late=True)
    assert [wanted.offer_to(generation) for generation in range(3)] == ["", "return", "return"]
    adopted = expected(VIRT, Offer.RETURN, late=True)
    assert (adopted.late, adopted.offer_to(0)) == (Pen.ADOPTED, "return")
    firmware = expected(machine("virt-returning-el2-gicv3-4-a72"), None, late=True)
    assert (firmware.late, firmware.offer) == (Pen.ADOPTED, "")


def test_a_kernel_with_the_series_needs_no_module() -> None:
    (_, second) = stages(scenario(VIRT, late=Late(frozenset({1}))), 4)
    assert (second.late, second.refused_first) == (False, False)
    assert "1 late" not in steps(scenario(VIRT, late=Late(frozenset({1}))), 4)


def test_cpus_that_come_with_the_module() -> None:
    course = stages(scenario(VIRT, limit="maxcpus=2"), 4)
    assert (set(course[0].online), set(course[0].joined)) == ({0, 1}, {2, 3})
    assert course[0].sent_home == {1, 2, 3}
    assert [counts(course, 0, cpu, 1) for cpu in range(4)] == [(1, 0), (2, 1), (2, 1), (2, 1)]


def test_cpu_0_of_a_pi_stays() -> None:
    (first, _) = stages(scenario(PI, boot_cpu_too=True), 4)
    assert (0 in first.unplugged, set(first.stays), first.refused) == (True, {0}, False)


def test_nothing_against_what_is_as_it_must_be() -> None:
    (first, second) = stages(scenario(VIRT), 4)
    assert problems(said("before", REFUSAL), said("late", LOADED), stage=first) == []
    adopted = LOADED.replace("made", "adopted").replace("mounted=1", "mounted=0")
    assert problems(said("late", adopted), stage=second) == []
    found = late.module([said("before", REFUSAL), said("late", LOADED)])
    assert found is not None
    assert (found.region, found.mounted) == ("0x8400000 0x10000", True)
    assert found.before.startswith("kexec: Can't kexec")


@pytest.mark.parametrize(
    ("before", "loaded", "problem"),
    [
        ("status=0 said= kernel=", LOADED, "accepted before the module"),
        ("status=255 said=no memory kernel=", LOADED, "not for the stuck CPUs"),
        (REFUSAL, "status=1 said=busy kernel=refused: no", "the module was not loaded: status=1"),
        (REFUSAL, LOADED.replace("made", "adopted"), "its pen is adopted, expected made"),
        (REFUSAL, LOADED.replace("mounted=1", "mounted=0"), "tree is not in place"),
        (REFUSAL, LOADED.replace("EL2", "EL1"), "the module says EL1, the kernel EL2"),
        (REFUSAL, LOADED.replace("spin-table", "psci"), "came by psci, expected spin-table"),
    ],
)
def test_one_wrong_word(before: str, loaded: str, problem: str) -> None:
    (first, _) = stages(scenario(VIRT), 4)
    found = problems(said("before", before), said("late", loaded), stage=first)
    assert len(found) == 1
    assert problem in found[0]


def test_what_never_came() -> None:
    (first, _) = stages(scenario(VIRT), 4)
    assert problems(stage=first) == [
        "nothing was tried before the module was loaded",
        "the module was not loaded: never tried",
    ]


def test_one_pen_in_all_kernels() -> None:
    events = [said("late", LOADED)], [said("late", LOADED.replace("0x84", "0x94"))]
    found = [one for one in map(late.module, events) if one is not None]
    assert list(late.check_regions(found[:1])) == []
    (problem,) = late.check_regions(found)
    assert "0x8400000 0x10000, 0x9400000 0x10000" in problem

# SPDX-License-Identifier: BSD-2-Clause
"""The return contract: hotplug and kexec, again and again, with the series in the kernel.

Each variant of each property: who offers it (the pen, the firmware), words, level, GIC, number
of CPUs, CPU model (a53, a72: no VHE; max: VHE), board, Linux.
"""

from __future__ import annotations

import pytest

from roundpen.contract.layout import Offer
from roundpen.lab.scenario import Scenario
from tests.boot.runs import AS_IS, RETURN, check_chain, run

pytestmark = pytest.mark.timeout(900)
CHAIN = Scenario(kexecs=3, cycles=1, boot_cpu_too=True)


@pytest.mark.long
def test_32_cpus_under_the_pen() -> None:
    scenario = Scenario(kexecs=1)
    check_chain(run("virt-shared-el1-gicv3-32-a72", "lab", RETURN, scenario), 1)


@pytest.mark.long
def test_32_cpus_unplugged() -> None:
    result = run("virt-returning-el2-gicv3-32-a53", "lab", AS_IS, Scenario(kexecs=1, cycles=1))
    assert [trip.accounted for trip in result.verdict.trips] == [32, 32]


@pytest.mark.parametrize(
    ("machine", "kernel", "level"),
    [
        ("virt-unique-el2-gicv2-4-a53", "lab", "EL2"),
        ("virt-shared-el2-gicv3-4-max", "lab-6.12", "EL2"),
        ("virt-shared-el1-gicv2-4-a72", "lab-6.12", "EL1"),
        ("virt-unique-el1-gicv3-2-max", "lab", "EL1"),
    ],
)
def test_under_the_pen(machine: str, kernel: str, level: str) -> None:
    result = run(machine, kernel, RETURN, CHAIN)
    check_chain(result, 3)
    assert {trip.level for trip in result.verdict.trips} == {level}


@pytest.mark.parametrize(
    ("machine", "kernel", "level"),
    [
        ("virt-returning-el2-gicv3-4-a53", "lab-6.12", "EL2"),
        ("virt-returning-el2-gicv2-4-max", "lab", "EL2"),
        ("virt-returning-el1-gicv3-4-a72", "lab", "EL1"),
    ],
)
def test_under_firmware_that_takes_cpus_back(machine: str, kernel: str, level: str) -> None:
    trips = run(machine, kernel, AS_IS, CHAIN).verdict.trips
    assert [trip.accounted for trip in trips] == [4] * 4
    assert {(trip.offer, trip.level) for trip in trips} == {("", level)}


def test_raspi3b() -> None:
    check_chain(run("raspi3b", "lab", RETURN, CHAIN), 3)


@pytest.mark.long
def test_any_number_of_times() -> None:
    cycles = 20
    scenario = Scenario(kexecs=1, cycles=cycles, boot_cpu_too=True)
    result = run("virt-shared-el2-gicv2-4-a72", "lab", RETURN, scenario)
    check_chain(result, 1)
    book = result.verdict.trips[1].logbook
    assert book is not None
    returns = [entry.returned for entry in book.cpus]
    # Two kernels' cycles, and one return for the jump of all but the CPU that jumps.
    assert returns == [2 * cycles, *[2 * cycles + 1] * 3]


def test_psci_goes_on_as_ever() -> None:
    result = run("psci", "lab", AS_IS, Scenario(kexecs=1, cycles=1, boot_cpu_too=True))
    assert [trip.accounted for trip in result.verdict.trips] == [4, 4]


def test_the_psci_offer_goes_on_as_ever() -> None:
    scenario = Scenario(kexecs=1, cycles=1, boot_cpu_too=True)
    check_chain(run("virt-shared-el2-gicv3-4-a72", "lab", Offer.PSCI, scenario), 1)


@pytest.mark.parametrize("machine", ["virt-unique-el2-gicv3-4-a72", "virt-shared-el1-gicv2-4-a53"])
def test_old_trees_are_refused_as_ever(machine: str) -> None:
    result = run(machine, "lab", AS_IS, Scenario(kexecs=1, cycles=1))
    (trip,) = result.verdict.trips
    assert trip.accounted == 4
    assert set(trip.stuck) == {1, 2, 3}
    assert all("no cpu-return-addr" in why for why in trip.stuck.values())

# SPDX-License-Identifier: BSD-2-Clause
"""`virt` under the vendor firmware: each variant of each property, not each combination.

words: unique, shared; GIC: 2, 3; CPUs: 2, 4, 8, 32; CPU: a53, a72, max; kernel: 6.1, 6.12,
6.12 with 16 KiB pages (which of these CPUs only max can run); entry: EL2, EL1.
"""

from __future__ import annotations

import pytest

from roundpen.contract import layout
from roundpen.contract.layout import Refusal
from roundpen.lab.scenario import Scenario
from tests.boot.runs import AS_IS, WRAPPED, check_chain, run

pytestmark = pytest.mark.timeout(900)

CHAINS = [
    ("virt-unique-el2-gicv2-4-a53", "debian-6.1"),
    ("virt-shared-el2-gicv3-4-a72", "debian-6.12"),
    ("virt-shared-el2-gicv2-8-a72", "debian-6.1"),
    ("virt-unique-el2-gicv3-2-max", "debian-6.12-16k"),
]


@pytest.mark.long
def test_32_cpus_kexec_three_times() -> None:
    machine = "virt-shared-el2-gicv3-32-max"
    check_chain(run(machine, "debian-6.1", WRAPPED, Scenario(kexecs=3)), 3)


@pytest.mark.parametrize(
    ("machine", "kernel"),
    [
        ("virt-shared-el2-gicv2-4-a53", "debian-6.1"),
        ("virt-unique-el1-gicv3-4-a72", "debian-6.1"),
        ("virt-unique-el2-gicv3-2-max", "debian-6.12-16k"),
    ],
)
def test_refused_before(machine: str, kernel: str) -> None:
    result = run(machine, kernel, AS_IS, Scenario(kexecs=1, cycles=1))
    assert "CPUs are stuck in the kernel" in result.verdict.trips[0].load


@pytest.mark.long
@pytest.mark.parametrize(("machine", "kernel"), CHAINS)
def test_hotplug_and_three_kexecs(machine: str, kernel: str) -> None:
    check_chain(run(machine, kernel, WRAPPED, Scenario(kexecs=3, cycles=1)), 3)


@pytest.mark.long
def test_32_cpus_unplugged() -> None:
    check_chain(run("virt-unique-el2-gicv3-32-a72", "debian-6.1", WRAPPED, Scenario(cycles=1)), 0)


def test_at_el1_all_is_as_without() -> None:
    machine = "virt-unique-el1-gicv3-4-a72"
    result = run(machine, "debian-6.1", WRAPPED, Scenario(kexecs=1, cycles=1))
    (trip,) = result.verdict.trips
    assert trip.stepped_aside == layout.REFUSAL_TEXT[Refusal.ENTRY_LEVEL]
    assert trip.accounted == 4

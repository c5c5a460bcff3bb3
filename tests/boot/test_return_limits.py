# SPDX-License-Identifier: BSD-2-Clause
"""CPUs that the first kernel never boots stay in firmware; the second one has them all."""

from __future__ import annotations

import pytest

from roundpen.contract.layout import CpuState
from roundpen.lab.scenario import Scenario
from tests.boot.runs import AS_IS, RETURN, run

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(
    ("machine", "limit", "booted", "cycles"),
    [
        ("virt-shared-el2-gicv3-4-a72", "maxcpus=2", 2, 1),
        ("virt-unique-el1-gicv2-4-a53", "maxcpus=2", 2, 0),
        ("virt-unique-el2-gicv2-4-max", "nosmp", 1, 0),
    ],
)
def test_under_the_pen(machine: str, limit: str, booted: int, cycles: int) -> None:
    scenario = Scenario(kexecs=1, cycles=cycles, limit=limit)
    first, second = run(machine, "lab", RETURN, scenario).verdict.trips
    assert sum(account.online for account in first.cpus) == booted
    assert all(account.online for account in second.cpus)
    assert first.logbook is not None
    for entry in first.logbook.cpus[booted:]:
        # Not in the kernel's own holding pen, where stock Linux takes every CPU at once.
        assert (entry.state, entry.released, entry.returned) == (CpuState.OFF, 0, 0)


@pytest.mark.parametrize(
    ("kernel", "limit", "booted"), [("lab", "nosmp", 1), ("lab-6.12", "maxcpus=2", 2)]
)
def test_under_firmware_that_takes_cpus_back(kernel: str, limit: str, booted: int) -> None:
    scenario = Scenario(kexecs=1, limit=limit)
    result = run("virt-returning-el2-gicv3-4-a72", kernel, AS_IS, scenario)
    online = [sum(account.online for account in trip.cpus) for trip in result.verdict.trips]
    assert online == [booted, 4]

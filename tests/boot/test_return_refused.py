# SPDX-License-Identifier: BSD-2-Clause
"""Trees that break the contract: refused before anything is touched, with CPU and reason."""

from __future__ import annotations

import pytest

from roundpen.lab.faults import REASON, Fault, Faulty
from roundpen.lab.scenario import Scenario
from tests.boot.runs import AS_IS, run, worked

pytestmark = pytest.mark.timeout(900)
AFTERWARDS = ("load", "work after-refusal")
"""Kexec is tried, every CPU is put to work again, and what remains refused is refused again."""


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault.visible])
def test_one_cpu_that_cannot_be_returned(fault: Fault) -> None:
    scenario = Scenario(kexecs=1, cycles=1, boot_cpu_too=True, extra=AFTERWARDS)
    result = run(
        "virt-returning-el2-gicv2-4-a72", "lab", AS_IS, scenario, faults=(Faulty(2, fault),)
    )
    (trip,) = result.verdict.trips
    those = {1, 2} if fault is Fault.SHARED_WORD else {2}
    assert {cpu: REASON[fault] in why for cpu, why in trip.stuck.items()} == dict.fromkeys(
        those, True
    )
    # The others come and go; this one is not even asked to.
    assert {account.cpu for account in trip.cpus if account.cycles == 0} == those
    assert worked(result, "after-refusal") == {0, 1, 2, 3}
    assert len([event for event in result.events if event.name == "kexec-load"]) == 2


def test_the_boot_cpu_is_no_obstacle() -> None:
    """It is the CPU that jumps, so that it need not be able to return."""
    scenario = Scenario(kexecs=1, cycles=1, boot_cpu_too=True)
    faults = (Faulty(0, Fault.NO_ENTRY),)
    result = run("virt-returning-el1-gicv3-4-a53", "lab", AS_IS, scenario, faults=faults)
    assert [trip.cpus[0].cycles for trip in result.verdict.trips] == [0, 0]
    assert [trip.accounted for trip in result.verdict.trips] == [4, 4]

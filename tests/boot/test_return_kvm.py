# SPDX-License-Identifier: BSD-2-Clause
"""Entered at EL2, the kernel keeps KVM: a virtual machine before and after each round trip.

Both ways in which Linux uses EL2: without VHE (a53, a72) and with it (max).
"""

from __future__ import annotations

import pytest

from roundpen.contract.layout import Offer
from roundpen.lab.scenario import Scenario
from tests.boot.runs import AS_IS, RETURN, run

pytestmark = pytest.mark.timeout(900)
TRIP = Scenario(kexecs=1, cycles=1, boot_cpu_too=True, kvm=True)


@pytest.mark.parametrize(
    ("machine", "wrap", "kernel", "mode"),
    [
        ("virt-shared-el2-gicv3-4-a53", RETURN, "lab", "Hyp"),
        ("virt-returning-el2-gicv3-4-a72", AS_IS, "lab-6.12", "Hyp"),
        ("virt-unique-el2-gicv3-4-max", RETURN, "lab", "VHE"),
    ],
)
def test_a_virtual_machine_before_and_after(
    machine: str, wrap: Offer | None, kernel: str, mode: str
) -> None:
    result = run(machine, kernel, wrap, TRIP)
    assert [trip.accounted for trip in result.verdict.trips] == [4, 4]
    asked = [(event.generation, event.value("label")) for event in result.events
             if event.name == "kvm"]  # fmt: skip
    assert asked == [(kernel, label) for kernel in (0, 1) for label in TRIP.labels()]
    said = [line for line in result.console.lines if f"{mode} mode initialized success" in line]
    assert len(said) == 2

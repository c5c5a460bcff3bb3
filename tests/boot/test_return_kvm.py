# SPDX-License-Identifier: BSD-2-Clause
"""Entered at EL2, the kernel keeps KVM: a virtual machine before and after each round trip.

Both ways in which Linux uses EL2: without VHE (a53, a72) and with it (max).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from roundpen.contract.layout import Offer
from roundpen.lab.scenario import Scenario
from tests.boot.runs import AS_IS, RETURN, run

pytestmark = pytest.mark.timeout(900)
KEXEC = Scenario(kexecs=1, kvm=True)
BOTH = replace(KEXEC, cycles=1, boot_cpu_too=True)


# No hotplug on cortex-a72: there, in QEMU 7.2, a virtual machine hangs on a CPU that was offline
# before, also with Debian's stock 6.1 kernel under QEMU's own PSCI.
@pytest.mark.parametrize(
    ("machine", "wrap", "kernel", "mode", "trip"),
    [
        ("virt-shared-el2-gicv3-4-a53", RETURN, "lab", "Hyp", BOTH),
        ("virt-returning-el2-gicv3-4-a53", AS_IS, "lab-6.12", "Hyp nVHE", BOTH),
        ("virt-returning-el2-gicv3-4-a72", AS_IS, "lab-6.12", "Hyp nVHE", KEXEC),
        ("virt-unique-el2-gicv3-4-max", RETURN, "lab", "VHE", BOTH),
    ],
)
def test_a_virtual_machine_before_and_after(
    machine: str, wrap: Offer | None, kernel: str, mode: str, trip: Scenario
) -> None:
    result = run(machine, kernel, wrap, trip)
    assert [one.accounted for one in result.verdict.trips] == [4, 4]
    asked = [(event.generation, event.value("label")) for event in result.events
             if event.name == "kvm"]  # fmt: skip
    assert asked == [(kernel, label) for kernel in (0, 1) for label in trip.labels()]
    said = [line for line in result.console.lines if f"{mode} mode initialized success" in line]
    assert len(said) == 2

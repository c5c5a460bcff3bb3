# SPDX-License-Identifier: BSD-2-Clause
"""The late pen under Debian's kernels as they are, from one version to another, and very often."""

from __future__ import annotations

import pytest

from roundpen.lab.scenario import Crash, Scenario
from tests.boot.runs import AS_IS, run
from tests.boot.test_late import TRIMMED, check_late

pytestmark = pytest.mark.timeout(3600)
ROUND = ("debian-6.12", "debian-7.x", "debian-6.1")


@pytest.mark.parametrize(
    ("machine", "kernels", "kvm"),
    [
        ("raspi3b", ("debian-6.1", *ROUND), True),
        ("raspi3b", ("debian-7.2", "debian-6.12-rt", "debian-6.1"), True),
        ("raspi4b", ("debian-6.1", *ROUND), True),
        ("virt-shared-el2-gicv2-4-a53", ("debian-6.1", *ROUND), True),
        # A virtual machine behind hotplug hangs there in QEMU 7.2 (kernel/README.md).
        ("virt-unique-el2-gicv2-4-a72", ("debian-6.1", *ROUND), False),
        ("virt-unique-el2-gicv3-8-a72", ("debian-6.12", "debian-6.1", "debian-7.x"), False),
        ("virt-unique-el1-gicv3-4-a72", ("debian-6.1", *ROUND), False),
        # Not 6.12, which can't load a kernel on a CPU with LPA2, whoever asks.
        ("virt-unique-el2-gicv3-4-max", ("debian-6.1", "debian-7.x", "debian-6.1"), True),
        ("virt-shared-el1-gicv3-4-max", ("debian-6.1", "debian-7.x"), False),
    ],
)
def test_from_one_version_to_another(machine: str, kernels: tuple[str, ...], kvm: bool) -> None:
    first, *others = kernels
    scenario = Scenario(kexecs=len(others), cycles=1, boot_cpu_too=True, kvm=kvm)
    result = run(machine, first, AS_IS, scenario, late=True, chain=tuple(others))
    vhe = " VHE" if machine.endswith("-max") else ""
    check_late(result, "EL1" if "-el1-" in machine else f"EL2{vhe}")


@pytest.mark.parametrize("cpu", [0, 3])
def test_a_crash_of_debians_kernel(cpu: int) -> None:
    machine = "virt-unique-el2-gicv2-4-a53"
    scenario = Scenario(crash=Crash(cpu=cpu), cycles=1)
    run(machine, "debian-6.1", AS_IS, scenario, late=True)


def test_a_crash_on_a_raspberry_pi() -> None:
    """On CPU 0: stock Linux can be started on no other there."""
    run("raspi3b", "debian-6.12", AS_IS, Scenario(crash=Crash(cpu=0)), late=True)


def test_200_kexecs() -> None:
    machine = "virt-shared-el2-gicv3-4-a53"
    check_late(run(machine, TRIMMED, AS_IS, Scenario(kexecs=200), late=True), "EL2")

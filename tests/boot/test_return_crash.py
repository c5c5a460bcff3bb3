# SPDX-License-Identifier: BSD-2-Clause
"""A crash with a capture kernel loaded: it must start, and have every CPU that answered."""

from __future__ import annotations

import re

import pytest

from roundpen.contract.layout import Offer
from roundpen.lab.scenario import Crash, Scenario
from roundpen.lab.session import Result
from tests.boot.runs import AS_IS, RETURN, run

pytestmark = pytest.mark.timeout(900)


def captured(result: Result, cpus: int) -> None:
    """The capture kernel ran on the CPU that crashed, with that many CPUs at work."""
    crash = result.job.scenario.crash
    assert crash is not None
    _, capture = result.verdict.trips
    assert sum(account.worked != () for account in capture.cpus) == cpus
    started = [
        int(found[1], 16)
        for line in result.console.lines
        if (found := re.search(r"Booting Linux on physical CPU 0x([0-9a-f]+)", line))
    ]
    assert started == [0, crash.cpu]
    panicked = next(
        line
        for at, line in enumerate(result.console.lines)
        if "sysrq triggered crash" in result.console.lines[at - 1]
    )
    # Linux 6.12 puts the user between the two.
    assert re.search(rf"\bCPU: {crash.cpu} (UID: \d+ )?PID: ", panicked)


@pytest.mark.parametrize(
    ("machine", "wrap", "kernel", "crash"),
    [
        ("virt-returning-el2-gicv2-4-a72", AS_IS, "lab", Crash(cpu=0)),
        ("virt-returning-el2-gicv3-4-a53", AS_IS, "lab", Crash(cpu=2)),
        ("virt-shared-el2-gicv3-4-max", RETURN, "lab-6.12", Crash(cpu=1)),
        ("virt-unique-el2-gicv2-4-a72", RETURN, "lab", Crash(cpu=3)),
        ("virt-returning-el1-gicv2-4-a53", AS_IS, "lab", Crash(cpu=1)),
        ("virt-shared-el1-gicv3-4-a72", RETURN, "lab", Crash(cpu=2)),
        ("virt-returning-el1-gicv3-4-a53", AS_IS, "lab-6.12", Crash(cpu=0)),
    ],
)
def test_every_cpu_in_the_capture_kernel(
    machine: str, wrap: Offer | None, kernel: str, crash: Crash
) -> None:
    captured(run(machine, kernel, wrap, Scenario(crash=crash, cycles=1)), 4)


@pytest.mark.parametrize(
    ("machine", "wrap", "kernel", "crash"),
    [
        ("virt-returning-el2-gicv3-4-a72", AS_IS, "lab", Crash(cpu=1, spinning=3)),
        ("virt-shared-el2-gicv2-4-a53", RETURN, "lab", Crash(cpu=1, spinning=0)),
        ("virt-returning-el1-gicv2-4-a72", AS_IS, "lab-6.12", Crash(cpu=0, spinning=2)),
    ],
)
def test_one_cpu_spins_with_its_interrupts_off(
    machine: str, wrap: Offer | None, kernel: str, crash: Crash
) -> None:
    result = run(machine, kernel, wrap, Scenario(crash=crash))
    assert any("Performing direct entry HARDLOCKUP" in line for line in result.console.lines)
    captured(result, 3)


def test_after_a_kexec() -> None:
    """The kernel that crashes was itself started by a kexec."""
    scenario = Scenario(kexecs=1, crash=Crash(cpu=2))
    result = run("virt-unique-el2-gicv3-4-a53", "lab", RETURN, scenario)
    assert [trip.accounted for trip in result.verdict.trips] == [4, 4, 4]


@pytest.mark.parametrize(
    ("machine", "kernel"),
    [("virt-unique-el2-gicv2-4-a72", "lab"), ("virt-shared-el1-gicv3-4-a53", "lab")],
)
def test_without_a_return_it_is_as_today(machine: str, kernel: str) -> None:
    """The others wait in the kernel that crashed; the usual recipe asks for no more than one."""
    scenario = Scenario(crash=Crash(cpu=2, append="maxcpus=1"))
    captured(run(machine, kernel, AS_IS, scenario), 1)

# SPDX-License-Identifier: BSD-2-Clause
"""Firmware that takes a CPU and does not say so, or says so too late."""

from __future__ import annotations

import pytest

from roundpen.lab.faults import LATE, Fault, Faulty
from roundpen.lab.firmware.params import own_word_address
from roundpen.lab.run import Stopped
from roundpen.lab.scenario import Scenario
from roundpen.lab.session import Result
from tests.boot.runs import AS_IS, run, worked

pytestmark = pytest.mark.timeout(900)
MACHINE = "virt-returning-el2-gicv3-4-a72"
TIMEOUT = 1.0
"""Guest seconds: RETURN_TIMEOUT_US in the series, the contract's second."""
CPU = 2


def wait_and_try_again(cpu: int) -> tuple[str, ...]:
    """Steps: give a late receipt the time to come, look at the word, boot the CPU once more."""
    return (
        f"run sleep {LATE:.0f}",
        f"run devmem {own_word_address(cpu):#x} 64",
        f"hotplug 1 {cpu}",
        "load",
        "work after-refusal",
    )


def word_of(result: Result) -> int:
    """What the step above read in the release word."""
    said = [event.rest("said") for event in result.events if event.name == "run"]
    return int(said[1], 16)


@pytest.mark.parametrize(
    ("fault", "kernel", "word"),
    [
        (Fault.NO_RECEIPT, "lab", 1),
        (Fault.NO_RECEIPT, "lab-6.12", 1),
        (Fault.LATE_RECEIPT, "lab", 0),
    ],
)
def test_one_cpu_is_lost_for_good(fault: Fault, kernel: str, word: int) -> None:
    scenario = Scenario(kexecs=1, cycles=1, extra=wait_and_try_again(CPU))
    result = run(MACHINE, kernel, AS_IS, scenario, faults=(Faulty(CPU, fault),))
    (trip,) = result.verdict.trips
    assert set(trip.stuck) == {CPU}
    assert trip.cpus[CPU].worked == ("first",)
    first, again = [
        event for event in result.events if event.name == "hotplug" and event.number("cpu") == CPU
    ]
    # Not given up before its time.
    assert float(first.value("ended")) - float(first.value("began")) >= TIMEOUT * 0.99
    # The receipt that came late is there to be seen, and changes nothing.
    assert word_of(result) == word
    assert again.value("done") == "0"
    assert "Input/output error" in again.rest("why")
    assert worked(result, "after-refusal") == {0, 1, 3}


def test_one_cpu_of_four_says_so() -> None:
    """CPU 1 comes and goes; all others, CPU 0 too, are lost one after the other."""
    faults = tuple(Faulty(cpu, Fault.NO_RECEIPT) for cpu in (0, 2, 3))
    scenario = Scenario(kexecs=1, cycles=1, boot_cpu_too=True, extra=("load", "work after-refusal"))
    result = run(MACHINE, "lab", AS_IS, scenario, faults=faults)
    (trip,) = result.verdict.trips
    assert set(trip.stuck) == {0, 2, 3}
    assert [account.cycles for account in trip.cpus] == [0, 1, 0, 0]
    assert worked(result, "after-refusal") == {1}


@pytest.mark.parametrize(
    ("machine", "kernel", "faults"),
    [
        (MACHINE, "lab", (Faulty(1, Fault.NO_RECEIPT), Faulty(3, Fault.NO_RECEIPT))),
        (MACHINE, "lab-6.12", (Faulty(2, Fault.NO_RECEIPT),)),
        ("virt-returning-el1-gicv2-4-a53", "lab", (Faulty(3, Fault.LATE_RECEIPT),)),
    ],
)
def test_in_the_middle_of_a_kexec_the_kernel_stops(
    machine: str, kernel: str, faults: tuple[Faulty, ...]
) -> None:
    result = run(machine, kernel, AS_IS, Scenario(kexecs=1), faults=faults)
    # Loading was fine; nothing runs afterwards, neither this kernel nor the next.
    assert [trip.load for trip in result.verdict.trips] == ["loaded"]
    assert result.events[-1].name == "kexec-jump"
    assert result.console.stopped is Stopped.FATAL
    for one in faults:
        lines = [line for line in result.console.lines if f"CPU{one.cpu}: cannot leave" in line]
        assert lines, "the kernel stopped without naming the CPU"
        assert "did not return to firmware" in lines[0]

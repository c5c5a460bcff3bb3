# SPDX-License-Identifier: BSD-2-Clause
"""The late pen: a module gives the running kernel the way out, each kernel's module the next one.

Every run's verdict asks the same of each kernel: kexec refused before the module is loaded, as in
stock; then every CPU off and on, at work, and in the next kernel, with the pen's own count of it.
"""

from __future__ import annotations

import pytest

from roundpen.lab.scenario import Crash, Scenario
from roundpen.lab.session import Result
from tests.boot.runs import AS_IS, RETURN, run

pytestmark = pytest.mark.timeout(900)
TRIMMED = "lab-plain"
"""As Debian publishes the source, without the series."""
CHAIN = Scenario(kexecs=2, cycles=1, boot_cpu_too=True)


def check_late(result: Result, level: str) -> None:
    """One pen for the whole chain, made by the first kernel's module."""
    first, *rest = (trip.module for trip in result.verdict.trips)
    assert first is not None
    assert (first.pen, first.level) == ("made", level)
    for trip in result.verdict.trips:
        assert trip.accounted == len(trip.cpus) == result.job.machine.cpus
    assert {(one.pen, one.region) for one in rest if one} <= {("adopted", first.region)}


@pytest.mark.long
def test_debians_kernels_on_raspi3b() -> None:
    scenario = Scenario(kexecs=2, cycles=1, boot_cpu_too=True, kvm=True)
    result = run(
        "raspi3b", "debian-6.1", AS_IS, scenario, late=True, chain=("debian-7.x", "debian-6.12")
    )
    check_late(result, "EL2")
    assert [trip.release.split(".")[0] for trip in result.verdict.trips] == ["6", "7", "6"]


@pytest.mark.parametrize(
    ("machine", "level"),
    [
        ("virt-unique-el2-gicv2-4-a53", "EL2"),
        ("virt-shared-el2-gicv3-4-a72", "EL2"),
        ("virt-unique-el2-gicv3-4-max", "EL2 VHE"),
        ("virt-shared-el1-gicv2-4-a53", "EL1"),
        ("virt-unique-el1-gicv3-4-max", "EL1"),
    ],
)
def test_levels_words_and_interrupt_controllers(machine: str, level: str) -> None:
    check_late(run(machine, TRIMMED, AS_IS, CHAIN, late=True), level)


@pytest.mark.long
def test_again_and_again() -> None:
    result = run("virt-shared-el2-gicv2-4-a72", TRIMMED, AS_IS, Scenario(kexecs=30), late=True)
    check_late(result, "EL2")


# A stock kernel at EL1 that crashes hangs in QEMU 7.2 with a GICv3, behind "Bye!": the next one
# prints nothing, as under the psci offer (test_psci_crash.py).
@pytest.mark.parametrize(
    ("machine", "crash"),
    [
        ("virt-unique-el2-gicv3-4-a53", Crash(cpu=2)),
        ("virt-shared-el2-gicv3-4-max", Crash(cpu=1)),
        ("virt-shared-el1-gicv2-4-a72", Crash(cpu=3)),
    ],
)
def test_every_cpu_in_the_capture_kernel(machine: str, crash: Crash) -> None:
    result = run(machine, TRIMMED, AS_IS, Scenario(crash=crash, cycles=1), late=True)
    _, capture = result.verdict.trips
    assert capture.module is not None
    assert capture.module.pen == "adopted"


@pytest.mark.parametrize("limit", ["maxcpus=2"])
def test_cpus_that_the_first_kernel_did_not_bring_up(limit: str) -> None:
    scenario = Scenario(kexecs=1, cycles=1, limit=limit, boot_cpu_too=True)
    check_late(run("virt-unique-el2-gicv3-4-a53", TRIMMED, AS_IS, scenario, late=True), "EL2")


def test_a_kernel_with_the_series_takes_the_pen_without_the_module() -> None:
    machine = "virt-unique-el2-gicv2-4-a72"
    result = run(machine, TRIMMED, AS_IS, CHAIN, late=True, chain=("lab", TRIMMED))
    check_late(result, "EL2")
    assert [trip.module is not None for trip in result.verdict.trips] == [True, False, True]


@pytest.mark.parametrize(
    ("machine", "wrap"),
    [("virt-shared-el2-gicv2-4-a53", RETURN), ("virt-returning-el2-gicv3-4-a72", AS_IS)],
)
def test_a_pen_that_was_there_before(machine: str, wrap: object) -> None:
    """Of a wrapped kernel, or firmware that implements the contract: what the series needs."""
    result = run(machine, TRIMMED, wrap, CHAIN, late=True)  # type: ignore[arg-type]
    found = [trip.module for trip in result.verdict.trips if trip.module]
    assert [one.pen for one in found] == ["adopted"] * 3

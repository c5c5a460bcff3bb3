# SPDX-License-Identifier: BSD-2-Clause
"""Way `psci` under Debian's kernels, with a count of what the kernel asks of the firmware."""

from __future__ import annotations

import pytest

from roundpen.lab.scenario import Scenario
from roundpen.lab.session import Result
from tests.boot.late_runs import CHAIN, psci, run

pytestmark = pytest.mark.timeout(1800)
COUNT = "kprobe_event=p:cpu_off,psci_0_2_cpu_off;p:cpu_on,psci_0_2_cpu_on"
"""From the start on; both functions end in the SMC that they are named after."""
ASKED = "run mount -t tracefs tracefs /sys/kernel/tracing; cat /sys/kernel/tracing/kprobe_profile"
ONE_KERNEL = Scenario(cycles=1, boot_cpu_too=True, extra=(ASKED,))


def asked(result: Result) -> str:
    """The kernel's count: event, hits, misses."""
    return next(event.rest("said") for event in result.events if event.name == "run")


def test_the_count_sees_what_a_kernel_asks() -> None:
    board = psci("cortex-a72", 2)
    result = run(board, ["debian-6.1"], ONE_KERNEL, parameters=None, command_line=COUNT)
    assert asked(result) == "cpu_off 4 0 cpu_on 4 0"


def test_nothing_is_asked_of_the_firmware() -> None:
    board = psci("cortex-a72", 2)
    result = run(board, ["debian-6.1"], ONE_KERNEL, parameters="way=psci", command_line=COUNT)
    assert asked(result) == "cpu_off 0 0 cpu_on 0 0"


@pytest.mark.parametrize(
    ("cpu", "gic", "kernels"),
    [
        ("cortex-a72", 2, ("debian-6.1", "debian-6.12", "debian-6.1")),
        ("cortex-a53", 3, ("debian-6.12", "debian-6.1", "debian-7.x")),
        # What a Raspberry Pi 5 has: VHE, GICv2, and a kernel with 16 KiB pages.
        ("cortex-a76", 2, ("debian-6.1", "debian-6.12-16k", "debian-6.1")),
        ("cortex-a76", 2, ("debian-6.12-16k", "debian-6.12-16k", "debian-6.1")),
    ],
)
def test_from_one_version_to_another(cpu: str, gic: int, kernels: tuple[str, ...]) -> None:
    result = run(psci(cpu, gic), kernels, CHAIN, parameters="way=psci")
    for trip in result.verdict.trips:
        assert trip.accounted == len(trip.cpus) == 4

# SPDX-License-Identifier: BSD-2-Clause
"""The module in a kernel with lockdep, KASAN and checks of sleeping: every splat is a failure."""

from __future__ import annotations

import pytest

from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario
from tests.boot.late_runs import run

pytestmark = pytest.mark.timeout(1800)
STRESS = Scenario(kexecs=1, cycles=5, boot_cpu_too=True)
EMULATED = "nosoftlockup"
"""An emulated CPU on a busy host has been seen to take 24 s for KASAN's checks of one path."""
TIMEOUT = 1200.0


@pytest.mark.parametrize("name", ["virt-unique-el2-gicv2-4-a72", "virt-shared-el1-gicv3-4-a53"])
def test_hotplug_and_kexec_without_a_splat(name: str) -> None:
    kernels = ["late-debug"] * 2
    result = run(machine(name), kernels, STRESS, command_line=EMULATED, timeout=TIMEOUT)
    assert [trip.module is not None for trip in result.verdict.trips] == [True] * 2

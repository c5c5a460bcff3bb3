# SPDX-License-Identifier: BSD-2-Clause
"""Raspberry Pi 3B: Debian's kernels and device tree, both as they are."""

from __future__ import annotations

import pytest

from roundpen.contract import layout
from roundpen.contract.layout import Refusal
from roundpen.lab.scenario import Ending, Scenario
from tests.boot.runs import AS_IS, WRAPPED, check_chain, run

pytestmark = pytest.mark.timeout(900)
MACHINE = "raspi3b"


def test_refused_before() -> None:
    result = run(MACHINE, "debian-6.1", AS_IS, Scenario(kexecs=1, cycles=1))
    assert "CPUs are stuck in the kernel" in result.verdict.trips[0].load
    assert result.verdict.trips[0].level == "EL2"


@pytest.mark.long
def test_hotplug_of_every_cpu_and_three_kexecs() -> None:
    scenario = Scenario(kexecs=3, cycles=3, boot_cpu_too=True)
    check_chain(run(MACHINE, "debian-6.1", WRAPPED, scenario), 3)


@pytest.mark.long
def test_linux_6_12() -> None:
    check_chain(run(MACHINE, "debian-6.12", WRAPPED, Scenario(kexecs=3, cycles=1)), 3)


def test_a_wrapped_kernel_under_a_live_pen() -> None:
    result = run(MACHINE, "debian-6.1", WRAPPED, Scenario(kexecs=1), kexec_wrapped=True)
    check_chain(result, 1)
    assert result.verdict.trips[1].stepped_aside == layout.REFUSAL_TEXT[Refusal.LIVE_PEN]


@pytest.mark.parametrize(
    ("ending", "kexecs"), [(Ending.POWEROFF, 0), (Ending.REBOOT, 0), (Ending.REBOOT, 1)]
)
def test_the_end_reaches_the_board(ending: Ending, kexecs: int) -> None:
    check_chain(run(MACHINE, "debian-6.1", WRAPPED, Scenario(kexecs, ending=ending)), kexecs)

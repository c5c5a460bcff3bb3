# SPDX-License-Identifier: BSD-2-Clause
"""Raspberry Pi 4B: Debian's kernels and device tree, on a QEMU that has the board."""

from __future__ import annotations

import pytest

from roundpen.lab.scenario import Scenario
from tests.boot.runs import AS_IS, WRAPPED, check_chain, run

pytestmark = pytest.mark.timeout(900)
MACHINE = "raspi4b"


def test_refused_before() -> None:
    result = run(MACHINE, "debian-6.12", AS_IS, Scenario(kexecs=1, cycles=1))
    assert "CPUs are stuck in the kernel" in result.verdict.trips[0].load


@pytest.mark.long
def test_hotplug_and_three_kexecs() -> None:
    check_chain(run(MACHINE, "debian-6.1", WRAPPED, Scenario(kexecs=3, cycles=1)), 3)


def test_linux_6_12() -> None:
    check_chain(run(MACHINE, "debian-6.12", WRAPPED, Scenario(kexecs=1, cycles=1)), 1)

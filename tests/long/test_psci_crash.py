# SPDX-License-Identifier: BSD-2-Clause
"""kdump under the pen's psci offer on a Raspberry Pi 3B, Debian's kernel as it is.

On CPU 0: stock Linux can only be started on that one there (irq-bcm2836 takes the number that a
kernel gives a CPU for the core's own), with the pen or without.
"""

from __future__ import annotations

import pytest

from roundpen.lab.scenario import Crash, Scenario
from tests.boot.runs import WRAPPED, run
from tests.boot.test_return_crash import captured

pytestmark = pytest.mark.timeout(1800)


def test_every_cpu_in_the_capture_kernel() -> None:
    result = run("raspi3b", "debian-6.1", WRAPPED, Scenario(crash=Crash(cpu=0)))
    captured(result, 4)

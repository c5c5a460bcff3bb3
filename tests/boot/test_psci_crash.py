# SPDX-License-Identifier: BSD-2-Clause
"""kdump under the pen's psci offer: every CPU that the crash stopped works in the capture kernel.

With a GICv2. With a GICv3 the capture kernel hangs under QEMU 7.2, which ignores a write that
should end the crash IPI (message of the series' patch 8). Seen to work: the same machine under
QEMU 10, and under 7.2 with a kernel that has the patch.
"""

from __future__ import annotations

import pytest

from roundpen.lab.scenario import Crash, Scenario
from tests.boot.runs import WRAPPED, run
from tests.boot.test_return_crash import captured

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(
    ("machine", "cpu"), [("virt-unique-el2-gicv2-4-a72", 0), ("virt-shared-el2-gicv2-4-a53", 2)]
)
def test_every_cpu_in_the_capture_kernel(machine: str, cpu: int) -> None:
    result = run(machine, "lab-plain", WRAPPED, Scenario(crash=Crash(cpu=cpu), cycles=1))
    captured(result, 4)
    assert [trip.offer for trip in result.verdict.trips] == ["psci", "psci"]

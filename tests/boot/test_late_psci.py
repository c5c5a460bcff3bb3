# SPDX-License-Identifier: BSD-2-Clause
"""Way `psci`: CPUs that a firmware runs by PSCI are never turned off through it.

A CPU that QEMU's PSCI has turned off reads no release word: whoever comes back by one, off and
on in each kernel and in the kernel after the jump, has not been turned off.
"""

from __future__ import annotations

import pytest

from tests.boot.late_runs import CHAIN, psci, run

pytestmark = pytest.mark.timeout(900)


def test_cpus_come_back_by_their_words() -> None:
    result = run(psci("cortex-a72", 2), ["lab-plain"] * 3, CHAIN, parameters="way=psci")
    ways = [trip.module and (trip.module.pen, trip.module.way) for trip in result.verdict.trips]
    assert ways == [("made", "psci"), ("adopted", "spin-table"), ("adopted", "spin-table")]

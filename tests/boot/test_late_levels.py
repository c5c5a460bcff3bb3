# SPDX-License-Identifier: BSD-2-Clause
"""The module where the level of the CPUs' handover can't be asked for.

The CPUs have EL2, nobody is in it, and firmware has disabled HVC: one HVC would be an Oops of
insmod's. Registers that are UNKNOWN hold garbage.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from roundpen.lab.machines import machine
from tests.boot.late_runs import CHAIN, run

pytestmark = pytest.mark.timeout(900)


def test_el2_that_nobody_is_in() -> None:
    board = replace(machine("virt-unique-el1-gicv3-4-a72"), el2_unused=True, dirty=True)
    result = run(board, ["lab-plain"] * 3, CHAIN)
    assert [trip.module and trip.module.level for trip in result.verdict.trips] == ["EL1"] * 3

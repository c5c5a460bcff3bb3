# SPDX-License-Identifier: BSD-2-Clause
"""The return offer and a kernel that has never heard of it: all CPUs, and kexec refused as ever."""

from __future__ import annotations

import pytest

from roundpen.contract.layout import Offer
from roundpen.lab.scenario import Scenario
from tests.boot.runs import run

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(
    ("machine", "level"), [("virt-shared-el1-gicv3-4-a72", "EL1"), ("raspi3b", "EL2")]
)
def test_stock_kernel(machine: str, level: str) -> None:
    result = run(machine, "debian-6.1", Offer.RETURN, Scenario(kexecs=1, cycles=1))
    (trip,) = result.verdict.trips
    assert (trip.offer, trip.level, trip.accounted) == ("return", level, 4)

# SPDX-License-Identifier: BSD-2-Clause
"""The yardstick: on QEMU's own PSCI the lab must find nothing wrong, with and without the pen."""

from __future__ import annotations

import pytest

from roundpen.contract import layout
from roundpen.contract.layout import Refusal
from roundpen.lab.scenario import Scenario
from tests.boot.runs import AS_IS, WRAPPED, run

pytestmark = pytest.mark.timeout(900)


def test_kexec_and_hotplug_without_a_pen() -> None:
    result = run("psci", "debian-6.1", AS_IS, Scenario(kexecs=1, cycles=1))
    assert [trip.accounted for trip in result.verdict.trips] == [4, 4]


def test_the_pen_steps_aside() -> None:
    result = run("psci", "debian-6.1", WRAPPED, Scenario(kexecs=1, cycles=1))
    reasons = {trip.stepped_aside for trip in result.verdict.trips}
    assert reasons == {layout.REFUSAL_TEXT[Refusal.PSCI_PRESENT]}

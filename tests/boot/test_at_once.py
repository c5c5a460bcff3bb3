# SPDX-License-Identifier: BSD-2-Clause
"""CPUs that run at the same time: a host thread for each. Under Linux, else only in
test_status_live.py; everywhere else they take turns."""

from __future__ import annotations

import pytest

from roundpen.contract.layout import Offer
from roundpen.lab.scenario import Scenario
from tests.boot.runs import check_chain, run

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("offer", [Offer.PSCI, Offer.RETURN])
def test_hotplug_and_kexec(offer: Offer) -> None:
    scenario = Scenario(kexecs=1, cycles=3, boot_cpu_too=True)
    check_chain(run("raspi3b", "lab", offer, scenario, thread="multi"), 1)

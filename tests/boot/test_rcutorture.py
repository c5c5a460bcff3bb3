# SPDX-License-Identifier: BSD-2-Clause
"""rcutorture with CPU hotplug on, for a minute of the guest's time, under each of the offers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roundpen.contract.layout import Offer
from tests.boot.trimmed_boot import PEN, boot

SECONDS = 60
OPTIONS = (
    f"rcutorture.shutdown_secs={SECONDS} rcutorture.stat_interval=15"
    " rcutorture.onoff_interval=200 rcutorture.onoff_holdoff=3 rcutorture.verbose=1"
)
_ONOFF = re.compile(r"onoff: (\d+)/(\d+):(\d+)/(\d+) ")
"""Successful/attempted onlines, then offlines: torture_onoff_stats() in kernel/torture.c."""


@pytest.mark.long
@pytest.mark.timeout(SECONDS * 4)
@pytest.mark.parametrize("offer", [Offer.PSCI, Offer.RETURN])
def test_rcutorture_with_hotplug_has_no_complaint(offer: Offer, tmp_path: Path) -> None:
    until, limit = r"rcu-torture:--- End of test", SECONDS * 3
    lines = boot(PEN, "rcutorture", OPTIONS, until, limit, tmp_path, offer=offer)
    (end,) = [line for line in lines if "End of test" in line]
    assert "End of test: SUCCESS" in end
    assert not [line for line in lines if "!!!" in line or "WARNING" in line]
    counts = [found for line in lines if (found := _ONOFF.search(line))]
    assert counts, "no statistics of CPUs turned on and off"
    online, tried_online, offline, tried_offline = (int(text) for text in counts[-1].groups())
    # One operation each 200 jiffies of 4 ms, less what the operations themselves take.
    assert offline >= SECONDS / 0.8 / 4, (online, offline)
    assert (online, offline) == (tried_online, tried_offline)

# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own U-Boot on a Raspberry Pi 3B: what it starts plain, it starts wrapped."""

from __future__ import annotations

import pytest

from roundpen.lab.scenario import Scenario
from roundpen.lab.uboot import UBoot
from tests.boot.runs import WRAPPED, check_chain, run

pytestmark = pytest.mark.timeout(900)


@pytest.mark.long
def test_a_wrapped_kernel_at_the_default_addresses() -> None:
    """booti copies image_size bytes from 0x80000 before it looks; the tree is at 0x2600000."""
    loader = UBoot("bookworm")
    result = run("raspi3b", "debian-6.1", WRAPPED, Scenario(kexecs=1), loader=loader)
    check_chain(result, 1)
    said = [line for line in result.console.lines if "Flattened Device Tree blob at" in line]
    assert said == ["## Flattened Device Tree blob at 02600000"]

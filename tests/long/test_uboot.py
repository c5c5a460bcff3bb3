# SPDX-License-Identifier: BSD-2-Clause
"""Debian 12's and 13's U-Boot for the Raspberry Pi, with the kernel of the same release.

tests/boot/test_uboot.py has the one that counts most.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from roundpen.contract.layout import Offer
from roundpen.lab import session
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario
from roundpen.lab.session import Job
from roundpen.lab.uboot import UBoot
from tests.boot.runs import AS_IS, WRAPPED, check_chain, run

pytestmark = pytest.mark.timeout(1800)
DEBIAN = {"bookworm": "debian-6.1", "trixie": "debian-6.12"}
ELSEWHERE = {"tree": 0x600_0000, "initrd": 0x1400_0000}
"""Room for every kernel in front of the tree."""


@pytest.mark.parametrize("suite", DEBIAN)
def test_plain_and_wrapped_with_room_for_either(suite: str) -> None:
    loader = UBoot(suite, **ELSEWHERE)
    run("raspi3b", DEBIAN[suite], AS_IS, Scenario(kexecs=1), loader=loader)
    check_chain(run("raspi3b", DEBIAN[suite], WRAPPED, Scenario(kexecs=1), loader=loader), 1)


def test_plain_at_the_default_addresses() -> None:
    run("raspi3b", "debian-6.1", AS_IS, Scenario(kexecs=1), loader=UBoot("bookworm"))


@pytest.mark.parametrize("suite", DEBIAN)
@pytest.mark.parametrize("offer", [AS_IS, WRAPPED])
def test_6_12_does_not_fit_at_the_default_addresses(suite: str, offer: Offer | None) -> None:
    """image_size is 0x2500000: from 0x200000 it reaches over the tree, pen or not."""
    board = replace(machine("raspi3b"), thread="single")
    chosen = session.kernel("debian-6.12")
    job = Job(board, chosen, Scenario(), wrap=offer, timeout=45, loader=UBoot(suite))
    console = session.perform(job).console
    said = [line for line in console.lines if "overlaps OS image" in line or "Flattened" in line]
    assert any("ERROR" in line for line in said), console.text()
    assert not any("Linux version" in line for line in console.lines)

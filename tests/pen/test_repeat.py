# SPDX-License-Identifier: BSD-2-Clause
"""A thousand times: off and on again, and the race of all CPUs for one."""

from __future__ import annotations

import re

import pytest

from roundpen.lab.machines import Thread
from roundpen.lab.vendor import VirtSpec
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome, all_gathered

ROUNDS = 1000


@pytest.mark.parametrize("thread", ["single", "multi"])
def test_thousand_cycles_of_each_cpu(bench: Bench, thread: Thread) -> None:
    spec = VirtSpec(thread=thread)
    outcome = all_gathered(lambda: bench.on_pen(spec, Tests.CYCLES, cycles=ROUNDS))
    outcome.check_all()
    assert len(outcome.cases["cycles"]) == 3
    for cpu in outcome.logbook.cpus[1:]:
        assert (cpu.released, cpu.returned) == (ROUNDS, ROUNDS), cpu
        assert cpu.state.name == "OFF", cpu


def race(outcome: Outcome) -> tuple[int, int]:
    """Losers that saw the target pending, and how many CPUs won at least once."""
    outcome.check_all()
    ((_, detail),) = outcome.cases["race"]
    match = re.search(r"pending (\d+) winners 0x([0-9a-f]+)", detail)
    assert match, detail
    return int(match[1]), int(match[2], 16).bit_count()


@pytest.mark.timeout(400)
def test_race_of_seven_cpus_for_the_eighth(bench: Bench) -> None:
    """Truly at once: QEMU gives each CPU a host thread of its own."""
    spec = VirtSpec(cpus=8, thread="multi")
    outcome = all_gathered(lambda: bench.on_pen(spec, Tests.RACE, rounds=ROUNDS, timeout=360))
    pending, winners = race(outcome)
    # Otherwise the calls came one after the other, and there was no race to win.
    assert pending > ROUNDS // 10
    assert winners >= 4


def test_race_on_one_host_thread(bench: Bench) -> None:
    """Switched only where the pen or the test waits: other interleavings than above."""
    race(bench.on_pen(VirtSpec(cpus=8), Tests.RACE, rounds=ROUNDS))

# SPDX-License-Identifier: BSD-2-Clause
"""A run of this very minute, its transcript replayed against the CPU states."""

from __future__ import annotations

from pathlib import Path

from roundpen.contract.layout import Offer
from roundpen.lab import session
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario, expected
from roundpen.lab.session import Job
from roundpen.proof.replay import replay
from tests.boot.runs import TIMEOUT

KEXECS, CYCLES = 2, 2


def test_a_live_run_is_allowed(tmp_path: Path) -> None:
    board = machine("virt-unique-el2-gicv3-4-a72")
    scenario = Scenario(
        kexecs=KEXECS, cycles=CYCLES, boot_cpu_too=True, expects=expected(board, Offer.PSCI)
    )
    job = Job(board, session.kernel("lab"), scenario, wrap=Offer.PSCI, timeout=TIMEOUT)
    transcript = tmp_path / "transcript.txt"
    result = session.perform(job, transcript)
    assert result.verdict.passed, result.verdict.all_problems()
    replayed = replay(transcript.read_text(encoding="utf-8").splitlines(), str(transcript))
    assert replayed.violations == ()
    assert replayed.allowed
    kernels = KEXECS + 1
    # The boot CPU leaves the pen once; each kernel starts 3 CPUs and puts 4 through the cycles;
    # at each kexec 3 go home. 2 steps each way.
    assert replayed.observed == 2 + kernels * (3 * 2 + 4 * CYCLES * 4) + KEXECS * 3 * 2
    assert replayed.compared == kernels * 4

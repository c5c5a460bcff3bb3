# SPDX-License-Identifier: BSD-2-Clause
"""kexec_file_load() alone, as a Pi has it: the kernel makes the next tree, the module edits it."""

from __future__ import annotations

import pytest

from roundpen.lab import session
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario, expected
from roundpen.lab.session import Job

pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize("name", ["raspi3b", "virt-unique-el2-gicv2-4-a72"])
def test_three_kernels(name: str) -> None:
    board, chosen = machine(name), session.kernel("kexec-file")
    scenario = Scenario(
        kexecs=2,
        cycles=1,
        kvm=True,
        late=session.late([chosen] * 3),
        expects=expected(board, None, late=True),
    )
    result = session.perform(Job(board, chosen, scenario))
    problems = result.verdict.all_problems()
    assert not problems, "\n".join([*problems, f"transcript: {result.transcript}"])
    assert [trip.accounted for trip in result.verdict.trips] == [board.cpus] * 3

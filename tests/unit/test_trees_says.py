# SPDX-License-Identifier: BSD-2-Clause
"""The judge between `check` and Linux: which answers of a kernel it must call different."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from roundpen.contract.layout import REFUSAL_TEXT, Refusal
from tests.trees import penned
from tests.trees.answer import LOADED, Answer, Kernel, Made
from tests.trees.says import Kexec, Said, differences, kexec_of, said
from tests.unit import pen_survey
from tests.unit.check_boards import spin

ALL = frozenset(range(4))
STUCK = "Can't kexec: CPUs are stuck in the kernel."
PSCI = "psci: PSCIv1.1 detected in firmware."
MADE = {cpu: Made(f"/cpus/cpu@{cpu}", switch=False) for cpu in ALL}
LINUX = Answer(
    Kernel(reached=True, possible=ALL, numbers={cpu: cpu for cpu in ALL}, made=MADE),
    {1: STUCK, 0: STUCK},
    ended=True,
)
WORKS = replace(LINUX, asked={0: LOADED}, jumped=True, second=Kernel(reached=True))


def words() -> Said:
    return said(spin().dtb(), "a spin-table of four")


def first(**changes: Any) -> Answer:  # noqa: ANN401 - any field of it
    return replace(LINUX, first=replace(LINUX.first, **changes))


def test_linux_as_check_says() -> None:
    assert differences(LINUX, words()) == []


def test_a_kernel_that_died_says_nothing() -> None:
    assert differences(Answer(), words()) == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (first(possible=ALL - {3}), "possible 0,1,2, check says 0,1,2,3"),
        (first(possible=ALL | {4}), "possible 0,1,2,3,4, check says 0,1,2,3"),
        (first(made=MADE | {2: Made("/cpus/cpu@1", switch=False)}), "CPU 2 is /cpus/cpu@1"),
        (first(made=MADE | {2: Made("/cpus/cpu@2", switch=True)}), "CPU 2 has a way to leave"),
        (first(said=(PSCI,)), "PSCI found: 1.1, check says none"),
        (WORKS, "kexec works, check says refused"),
        (replace(WORKS, second=Kernel()), "kexec accepted, and fails, check says refused"),
        (replace(LINUX, asked={1: LOADED, 0: STUCK}), "accepted, and fails, check says refused"),
    ],
)
def test_linux_otherwise(answer: Answer, says: str) -> None:
    found = differences(answer, words())
    assert any(says in one for one in found), found


def test_a_kernel_that_counts_one_cpu_asks_nobody() -> None:
    alone = replace(WORKS, first=replace(LINUX.first, possible=frozenset({0}), made={}))
    assert differences(alone, said(spin().dtb(), "nr_cpus=1", limit=1), limit=1) == []


def test_one_consent_is_enough() -> None:
    assert kexec_of(LINUX) is Kexec.REFUSED
    assert kexec_of(replace(LINUX, asked={})) is None
    assert kexec_of(replace(WORKS, asked={1: LOADED, 0: STUCK})) is Kexec.WORKS


def test_the_pens_survey_against_both_boots() -> None:
    two = pen_survey.Answer(
        Refusal.NONE, tuple(pen_survey.CpuAnswer(cpu, False, 0x100) for cpu in range(2)), 0
    )
    aside = pen_survey.Answer(Refusal.CELLS_BAD)
    text = REFUSAL_TEXT[Refusal.CELLS_BAD]
    assert list(penned.judged(aside, LINUX, first(refused=text))) == []
    assert "that the pen does not know" in "".join(penned.judged(two, LINUX, LINUX))
    assert "in front of Linux: psci" in "".join(penned.judged(aside, LINUX, first(offer="psci")))
    assert "in front of Linux: nothing" in "".join(penned.judged(aside, LINUX, LINUX))

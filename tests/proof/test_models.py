# SPDX-License-Identifier: BSD-2-Clause
"""The models hold, and every mutant comes to what the table says."""

from __future__ import annotations

import pytest

from roundpen.proof import catalogue, prove
from roundpen.proof.catalogue import Mutant, Setting

SUBJECTS = prove.subjects(catalogue.load())


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_outcome(subject: Setting | Mutant) -> None:
    (verdict,) = prove.prove([subject])
    assert verdict.as_expected, verdict.outcome
    if isinstance(subject, Mutant) and subject.violates:
        timeline = verdict.run.timeline
        assert timeline is not None
        assert len(timeline.steps) >= 2
        assert all(step.lane < len(timeline.lanes) for step in timeline.steps)


STEPS = {
    "return": (
        "enters at cpu-return-addr",
        "hangs in the kernel",
        "gives no receipt",
        "writes its entry to the word of CPU%d, which nobody released",
        "reads 0: the receipt",
        "time-out",
        "stops rather than overwrite",
        "kernel 1 crashes",
        "is overwritten",
        "kernel 2 runs",
        "is filled by speculation",
        "the dirty line",
        "wakes up for no reason",
    ),
    "psci": ("has claimed", "ALREADY_ON or ON_PENDING", "OFF_PENDING", "overwrites kernel 1"),
    "lock": ("the fast way", "the slow way", "passes the turn on", "reads y: itself"),
    "gather": ("gives up", "has come after all", "stays out: FAILED", "is there"),
    "late": (
        "before it takes over",
        "adopts the pen",
        "rmmod",
        "asked again",
        "a segment over the pen",
    ),
    "late-psci": ("is turned on by PSCI", "adopts the pen", "time-out"),
}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", STEPS)
def test_what_must_happen_happens(name: str) -> None:
    """A property may hold only because nothing ever comes to pass; so everything must."""
    setting = catalogue.load().settings[name]
    (verdict,) = prove.prove([setting])
    source = (catalogue.folder() / setting.model.file).read_text(encoding="utf-8")
    never = "\n".join(code for _, _, code in verdict.run.search.unreached)
    for step in STEPS[name]:
        assert step in source
        assert step not in never

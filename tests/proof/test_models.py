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

# SPDX-License-Identifier: BSD-2-Clause
"""A counterexample as a value and as text."""

from __future__ import annotations

from roundpen.proof import trail
from roundpen.proof.trail import Step

LANES = ("CPU1", "the OS", "memory")
REPLAY = """
  1:	proc  0 (:init:) return.pml:669 (state 47)	[c = 0]
          @404 1 writes its entry
   @419 1 after DSB, SEV (S3)
 @190 0 polls its word: 0, goes to sleep (WFE)
 14:	proc  4 (Surroundings) return.pml:642 (state 88)	[D_STEP657]
@669 2 the store arrives
spin: trail ends after 21 steps
"""


def test_steps_in_order() -> None:
    found = trail.parse(REPLAY, "return", LANES, "whoever waits goes on")
    assert found.steps[0] == Step(404, 1, "writes its entry")
    assert [step.lane for step in found.steps] == [1, 1, 0, 2]
    assert found.violated == "whoever waits goes on"
    assert found.cycle is None


def test_a_violated_property_is_the_models_own() -> None:
    found = trail.parse(REPLAY + "!551 1 nobody does that\n", "return", LANES, "another")
    assert found.violated == "nobody does that"
    assert len(found.steps) == 4


def test_a_cycle_has_a_beginning() -> None:
    text = REPLAY.replace(" @190", "<<<<<START OF CYCLE>>>>>\n @190")
    assert trail.parse(text, "return", LANES, "").cycle == 2


def test_text_has_every_step_in_its_lane() -> None:
    found = trail.parse(REPLAY, "return", LANES, "whoever waits goes on")
    text = trail.as_text(found).splitlines()
    assert [name for name in text[0].split("  ") if name.strip()] == [
        "line",
        *(" ".join(lane.split()) for lane in LANES),
    ]
    column = text[0].index("the OS")
    assert text[2].index("writes") == column
    assert text[-1] == "VIOLATED: whoever waits goes on"
    assert all(len(line) <= 100 for line in text)

# SPDX-License-Identifier: BSD-2-Clause
"""What a verifier prints is read right, and nothing but a complete search counts as a proof."""

from __future__ import annotations

import pytest

from roundpen.proof import pan

HOLDS = """
(Spin Version 6.5.2 -- 6 December 2019)
	+ Partial Order Reduction

Full statespace search for:
	never claim         	- (none specified)
	assertion violations	+

State-vector 124 byte, depth reached 37414, errors: 0
  2531659 states, stored
 10135468 states, matched
 12667127 transitions (= stored+matched)

unreached in proctype Surroundings
	return.pml:662, state 4, "printf('half')"
	(1 of 91 states)

pan: elapsed time 17.5 seconds
"""
FALLS = """pan:1: invalid end state (at depth 87)
pan: wrote return.pml.trail

(Spin Version 6.5.2 -- 6 December 2019)
Warning: Search not completed
	+ Breadth-First Search

Full statespace search for:

State-vector 124 byte, depth reached 87, errors: 1
   249120 states, stored
   331201 transitions (= stored+matched)
"""


def test_a_complete_search() -> None:
    found = pan.parse(HOLDS, 0)
    assert found.exhaustive
    assert (found.states, found.transitions, found.depth) == (2531659, 12667127, 37414)
    assert found.unreached == (("return.pml", 662, "printf('half')"),)


def test_a_counterexample() -> None:
    found = pan.parse(FALLS, 0)
    assert found.error == "invalid end state"
    assert not found.exhaustive
    assert not found.cut_short
    assert found.states == 249120


@pytest.mark.parametrize(
    "line",
    [
        "error: max search depth too small",
        "pan: out of memory",
        "pan: reached -DMEMLIM bound",
        "Warning: Search not completed",
    ],
)
def test_a_search_that_was_cut_short_is_no_proof(line: str) -> None:
    found = pan.parse(f"{line}\n{HOLDS}", 0)
    assert not found.exhaustive
    assert found.cut_short


@pytest.mark.parametrize(
    ("text", "status"),
    [("", 0), (HOLDS, 1), (HOLDS, -9), (HOLDS.replace("errors: 0", "errors: 3"), 0)],
    ids=["nothing", "failed", "killed", "nameless"],
)
def test_a_verifier_that_went_wrong_is_no_proof(text: str, status: int) -> None:
    found = pan.parse(text, status)
    assert not found.exhaustive
    assert found.cut_short


def test_bitstate_search_is_no_proof() -> None:
    text = HOLDS.replace("Full statespace search", "Bit statespace search")
    assert not pan.parse(text, 0).exhaustive


def test_progress() -> None:
    line = (
        "Depth=   23484 States=    1e+06 Transitions= 5.02e+06 "
        "Memory=   298.093\tt=      8.1 R=   1e+05"
    )
    assert pan.parse_progress(line) == pan.Progress(23484, 1000000, 298.093, 8.1)
    assert pan.parse_progress("unreached in init") is None

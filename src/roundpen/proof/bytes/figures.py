# SPDX-License-Identifier: BSD-2-Clause
"""What the search costs, for `make bench`. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from roundpen.lab.bench.figures import Figure
from roundpen.proof.bytes.prove import Outcome

SECONDS = 20
"""At most this long for the default bound, on one quiet core."""
CURVE = ("return-2-el2", "return-3-el2", "return-4-el2")
"""The same on 2, 3 and 4 CPUs: how the cost grows. The last is one of --deep."""


def figures(outcomes: Sequence[Outcome]) -> list[Figure]:
    """Of each scenario: states, depth, time; of all: interleaved steps per second, memory."""
    found = []
    for one in outcomes:
        note = f"{one.steps} steps, depth {one.depth}, {one.seconds:.1f} s"
        found.append(Figure(f"bytes, {one.scenario}", one.states, "states", note=note))
    seconds = sum(one.seconds for one in outcomes)
    steps = sum(one.steps for one in outcomes)
    executed = sum(one.instructions for one in outcomes)
    cut = [one.scenario for one in outcomes if not one.complete]
    note = f"{executed} instructions executed" + (f"; cut short: {', '.join(cut)}" if cut else "")
    peak = max((one.peak for one in outcomes), default=0)
    return [
        *found,
        Figure("bytes, interleaved steps", steps / seconds if seconds else 0.0, "per second"),
        Figure("bytes, time", seconds, "s", SECONDS, note),
        Figure("bytes, peak memory", peak / 2**20, "MiB"),
    ]


def curve(outcomes: Sequence[Outcome]) -> list[Figure]:
    """How the same search grows with one CPU more: states at first, then factors."""
    found = [Figure(f"bytes, {outcomes[0].scenario}", outcomes[0].states, "states")]
    for fewer, more in itertools.pairwise(outcomes):
        note = f"{more.states} states, {more.seconds:.1f} s"
        name = f"bytes, {more.scenario} by {fewer.scenario}"
        found.append(Figure(name, more.states / fewer.states, "times", note=note))
    return found

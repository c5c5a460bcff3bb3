# SPDX-License-Identifier: BSD-2-Clause
"""The proof's figures for the bench."""

from __future__ import annotations

import time
from collections.abc import Sequence

from roundpen.lab.bench.figures import Figure
from roundpen.proof import bench, catalogue, prove
from roundpen.proof.bench import Cost
from roundpen.proof.bytes import figures as cost
from roundpen.proof.bytes import prove as shipped
from roundpen.proof.prove import Verdict

PROOF_SECONDS = 90
"""What the whole default proof may take, on 2 quiet cores."""


def figures() -> list[Figure]:
    """Search everything and measure it. Raises MachineError when a tool is missing or fails."""
    everything = catalogue.load()
    began = time.monotonic()
    verdicts = prove.prove(prove.subjects(everything))
    took = time.monotonic() - began
    return [*whole_figures(verdicts, took), *curve_figures(bench.curves(everything))]


def bytes_figures() -> list[Figure]:
    """The shipped bytes: the default bound, and how the same search grows with 2, 3, 4 CPUs."""
    default = list(shipped.prove())
    known = {one.scenario: one for one in default}
    more = tuple(name for name in cost.CURVE if name not in known)
    known |= {one.scenario: one for one in shipped.prove(deep=True, names=more)}
    return [*cost.figures(default), *cost.curve([known[name] for name in cost.CURVE])]


def whole_figures(verdicts: Sequence[Verdict], seconds: float) -> list[Figure]:
    """The whole default proof: wall and CPU time, states, what came out otherwise than it must."""
    spent = sum(verdict.run.cpu_seconds for verdict in verdicts)
    states = sum(verdict.run.search.states for verdict in verdicts)
    unexpected = sum(not verdict.as_expected for verdict in verdicts)
    note = f"{len(verdicts)} searches, {prove.AT_ONCE} at a time"
    return [
        Figure("proof", seconds, "s", PROOF_SECONDS, note),
        Figure("proof, searches only", spent, "s", note="CPU time"),
        Figure("proof, states", states, "states"),
        Figure("proof, not as expected", unexpected, "searches", 0),
    ]


def curve_figures(costs: Sequence[Cost]) -> list[Figure]:
    """One figure per model and number of CPUs."""
    return [
        Figure(
            f"proof, {cost.setting}, {cost.cpus} CPUs",
            cost.states,
            "states",
            note=f"depth {cost.depth:,}, {cost.states_per_second:,.0f} states/s, "
            f"{cost.cpu_seconds:.1f} s, {cost.peak_bytes / 2**20:,.0f} MiB",
        )
        for cost in costs
    ]

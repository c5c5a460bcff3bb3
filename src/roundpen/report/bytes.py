# SPDX-License-Identifier: BSD-2-Clause
"""The search over the shipped bytes, and a replayed transcript, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from roundpen.proof.bytes.monitor import PROPERTIES
from roundpen.proof.bytes.prove import COVERS, LEAVES_OUT, Outcome
from roundpen.proof.replay import Replay


def table(outcomes: Sequence[Outcome]) -> Table:
    """One row per scenario."""
    result = Table(title="The pen's resident binary", title_justify="left", title_style="bold")
    for name in ("scenario", "what runs", "states", "steps", "depth", "per s", "s", "verdict"):
        result.add_column(name, justify="left" if name in ("scenario", "what runs") else "right")
    for one in outcomes:
        counts = (one.states, one.steps, one.depth, round(one.rate))
        row = [one.scenario, one.describes, *map(str, counts), f"{one.seconds:.1f}"]
        result.add_row(*row, _verdict(one))
    return result


def _verdict(one: Outcome) -> Text:
    if one.counterexample is not None:
        return Text(f"BROKEN: {one.counterexample.name}", style="red")
    return Text("holds", style="green") if one.complete else Text("CUT SHORT", style="yellow")


def properties(outcomes: Sequence[Outcome]) -> Table:
    """One row per property: what it says, and how often something was held against it."""
    result = Table("property", "says", "held", title="Properties", title_justify="left")
    result.columns[2].justify = "right"
    for name, says in PROPERTIES.items():
        result.add_row(name, says, str(sum(one.checked[name] for one in outcomes)))
    return result


def closing(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Counterexamples; then what all this covers and what it leaves out."""
    for one in outcomes:
        if one.counterexample is not None:
            yield f"{one.scenario}:"
            yield from one.story
        elif not one.complete:
            yield f"{one.scenario}: cut short after {one.states} states: this proves nothing"
    yield f"covers: {COVERS}"
    for what in LEAVES_OUT:
        yield f"leaves out: {what}"


def as_json(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Plain values; seconds, and bytes for `peak`."""
    return {
        "holds": all(one.holds for one in outcomes),
        "covers": COVERS,
        "leaves_out": list(LEAVES_OUT),
        "scenarios": [_outcome_as_json(one) for one in outcomes],
    }


def _outcome_as_json(one: Outcome) -> dict[str, object]:
    found = one.counterexample
    return {
        "scenario": one.scenario,
        "describes": one.describes,
        "holds": one.holds,
        "complete": one.complete,
        "broken": found.name if found else None,
        "story": list(one.story),
        "states": one.states,
        "steps": one.steps,
        "depth": one.depth,
        "ways": one.ways,
        "instructions": one.instructions,
        "seconds": round(one.seconds, 3),
        "steps_per_second": round(one.rate),
        "peak": one.peak,
        "checked": one.checked,
    }


def replayed(result: Replay) -> Iterator[str]:
    """A replayed transcript in a few lines."""
    yield (
        f"{result.kernels} kernels on {result.cpus} CPUs, offer {result.offer.name.lower()}: "
        f"{result.observed} steps observed, {result.inferred} inferred between two lines, "
        f"{result.compared} slots of the logbook compared"
    )
    for violation in result.violations:
        yield f"not allowed: {violation}"
    if not result.violations and not result.allowed:
        yield "it shows no step, or no logbook: this proves nothing"
    yield "allowed" if result.allowed else "NOT allowed"


def replayed_as_json(result: Replay) -> dict[str, object]:
    """Plain values."""
    return {
        "allowed": result.allowed,
        "offer": result.offer.name.lower(),
        "cpus": result.cpus,
        "kernels": result.kernels,
        "observed": result.observed,
        "inferred": result.inferred,
        "compared": result.compared,
        "violations": [
            {"line": one.line, "cpu": one.cpu, "text": one.text} for one in result.violations
        ],
    }

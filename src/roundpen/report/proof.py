# SPDX-License-Identifier: BSD-2-Clause
"""The proof's verdicts, its mutants and its counterexamples for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table

from roundpen.proof.catalogue import Catalogue, Mutant, Setting
from roundpen.proof.prove import Verdict
from roundpen.proof.trail import Timeline, as_text

_BOX = box.SIMPLE_HEAD


def table(verdicts: Sequence[Verdict]) -> Table:
    """One row per search: what holds, and what goes wrong without each clause."""
    result = Table("what", "clauses", "outcome", "states", "CPU s", box=_BOX)
    for name in (0, 1):
        result.columns[name].overflow = "fold"
    for column in (3, 4):
        result.columns[column].justify = "right"
        result.columns[column].no_wrap = True
    for verdict in verdicts:
        subject = verdict.subject
        result.add_row(
            subject.name,
            " ".join(subject.clauses) if isinstance(subject, Mutant) else "all",
            in_words(verdict),
            f"{verdict.run.search.states:,}",
            f"{verdict.run.cpu_seconds:.1f}",
            style=None if verdict.as_expected else "red",
        )
    return result


def in_words(verdict: Verdict) -> str:
    """What came of one search, in a sentence."""
    subject = verdict.subject
    if not verdict.as_expected:
        return f"NOT AS EXPECTED: {verdict.outcome}"
    if not isinstance(subject, Mutant):
        return f"holds: {subject.title}"
    if subject.violates:
        return f"{subject.change}: {subject.then}"
    return f"{subject.change}: nothing goes wrong with {verdict.run.task.cpus} CPU(s)"


def headline(verdicts: Sequence[Verdict]) -> str:
    """All of it in one line."""
    proofs = [v for v in verdicts if isinstance(v.subject, Setting)]
    mutants = [v for v in verdicts if isinstance(v.subject, Mutant)]
    held = sum(v.run.search.exhaustive for v in proofs)
    fallen = sum(bool(v.run.violates) for v in mutants)
    wrong = sum(not v.as_expected for v in verdicts)
    states = sum(v.run.search.states for v in verdicts)
    return (
        f"{held} of {len(proofs)} settings hold; {fallen} of {len(mutants)} mutants yield a "
        f"counterexample; {states:,} states; "
        + (f"{wrong} NOT AS EXPECTED" if wrong else "all as expected")
    )


def as_json(verdicts: Sequence[Verdict]) -> list[dict[str, object]]:
    """Plain values, one object per search."""
    return [_verdict(verdict) for verdict in verdicts]


def _verdict(verdict: Verdict) -> dict[str, object]:
    run, subject = verdict.run, verdict.subject
    return {
        "name": subject.name,
        "kind": "mutant" if isinstance(subject, Mutant) else "proof",
        "clauses": list(subject.clauses) if isinstance(subject, Mutant) else [],
        "model": run.task.model.name,
        "cpus": run.task.cpus,
        "switches": sorted(run.task.switches),
        "outcome": verdict.outcome,
        "as_expected": verdict.as_expected,
        "exhaustive": run.search.exhaustive,
        "cut_short": run.search.cut_short or None,
        "states": run.search.states,
        "transitions": run.search.transitions,
        "depth": run.search.depth,
        "cpu_seconds": round(run.cpu_seconds, 2),
        "wall_seconds": round(run.wall_seconds, 2),
        "peak_bytes": run.peak_bytes,
        "counterexample": None if run.timeline is None else timeline_as_json(run.timeline),
    }


def timeline_as_json(timeline: Timeline) -> dict[str, object]:
    """A counterexample as plain values."""
    return {
        "model": timeline.model,
        "lanes": list(timeline.lanes),
        "steps": [
            {"line": step.line, "lane": timeline.lanes[step.lane], "text": step.text}
            for step in timeline.steps
        ],
        "cycle": timeline.cycle,
        "violated": timeline.violated,
    }


def facts(verdict: Verdict) -> list[tuple[str, str]]:
    """What there is to say of one search, as names and values."""
    subject, run = verdict.subject, verdict.run
    found = [("outcome", verdict.outcome)]
    if isinstance(subject, Mutant):
        found += [("change", subject.change), ("clauses", ", ".join(subject.clauses))]
        found += [("so", subject.then)] if subject.then else []
        found.append(("setting", subject.setting.title))
    found.append(("values", run.task.model.values))
    found.append(
        (
            "search",
            f"{run.task.model.file}, CPUS = {run.task.cpus}: {run.search.states:,} states, "
            f"{run.cpu_seconds:.1f} s of CPU time",
        )
    )
    return found


def counterexample(verdict: Verdict) -> str:
    """One mutant: what it lacks, and step by step what comes of it."""
    lines = [verdict.subject.name]
    lines += [f"  {name:<9}{value}" for name, value in facts(verdict)]
    if verdict.run.timeline is not None:
        lines += ["", as_text(verdict.run.timeline)]
    return "\n".join(lines)


def listing(catalogue: Catalogue) -> Table:
    """The mutants, by model."""
    result = Table("mutant", "clauses", "setting", "what is changed: what goes wrong", box=_BOX)
    for entry in catalogue.mutants.values():
        then = entry.then or "nothing: no property of the model needs it"
        clauses = " ".join(entry.clauses)
        result.add_row(entry.name, clauses, entry.setting.name, f"{entry.change}: {then}")
    return result


def listing_as_json(catalogue: Catalogue) -> list[dict[str, object]]:
    """The mutants as plain values; `violates` is null for one that must violate nothing."""
    return [
        {
            "name": entry.name,
            "setting": entry.setting.name,
            "clauses": list(entry.clauses),
            "change": entry.change,
            "then": entry.then,
            "violates": entry.setting.model.properties.get(entry.violates),
        }
        for entry in catalogue.mutants.values()
    ]


def document(catalogue: Catalogue) -> str:
    """The tables of docs/proof.md, as Markdown."""
    lines = ["<!-- table: settings -->", "| setting | model | what it is |", "|---|---|---|"]
    lines += [f"| {s.name} | `{s.model.file}` | {s.title} |" for s in catalogue.settings.values()]
    lines += ["", "<!-- table: mutants -->"]
    lines += ["| clause | mutant | setting | change | what goes wrong | violated |"]
    lines += ["|---|---|---|---|---|---|"]
    lines += [_row(entry) for entry in catalogue.mutants.values()]
    return "\n".join(lines) + "\n"


def _row(entry: Mutant) -> str:
    violated = entry.setting.model.properties.get(entry.violates)
    cells = (
        " ".join(entry.clauses),
        entry.name,
        entry.setting.name,
        entry.change,
        entry.then or "nothing",
        violated or "none: **not needed here**",
    )
    return "| " + " | ".join(cells) + " |"

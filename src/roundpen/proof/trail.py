# SPDX-License-Identifier: BSD-2-Clause
"""A counterexample: what each CPU and the memory did, step by step. Pure.

The models print `@LINE LANE text` for each step and `!LINE LANE text` for a violated property
while a verifier replays its trail; everything else that it prints is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"^\s*([@!])(\d+) (\d+) (.+?)\s*$")
_CYCLE = "<<<<<START OF CYCLE>>>>>"


@dataclass(frozen=True)
class Step:
    """What one lane does; `line` is the line of the model."""

    line: int
    lane: int
    text: str


@dataclass(frozen=True)
class Timeline:
    """A counterexample of `model`.

    `violated` is the property that the last step breaks. `cycle` is the number of steps before
    the part that repeats for ever, None when there is none.
    """

    model: str
    lanes: tuple[str, ...]
    steps: tuple[Step, ...]
    violated: str
    cycle: int | None = None


def parse(text: str, model: str, lanes: tuple[str, ...], otherwise: str) -> Timeline:
    """Read a replayed trail.

    `otherwise`: the property that is violated when the model names none, that is, when the
    trail ends because nothing can happen any more.
    """
    steps: list[Step] = []
    violated, cycle = otherwise, None
    for line in text.splitlines():
        if _CYCLE in line:
            cycle = len(steps)
            continue
        match = _LINE.match(line)
        if match is None:
            continue
        if match[1] == "!":
            violated = match[4]
        else:
            steps.append(Step(int(match[2]), int(match[3]), match[4]))
    return Timeline(model, lanes, tuple(steps), violated, cycle)


def as_text(timeline: Timeline, width: int = 100) -> str:
    """The timeline for a terminal: one column per lane, one row per step."""
    column = max(16, (width - 8) // len(timeline.lanes))
    rows = ["line  " + "".join(lane.ljust(column) for lane in timeline.lanes).rstrip()]
    rows.append("-" * min(width, 6 + column * len(timeline.lanes)))
    for number, step in enumerate(timeline.steps):
        if number == timeline.cycle:
            rows.append("      --- from here on, again and again ---")
        rows += _row(step, column, width)
    rows.append(f"VIOLATED: {timeline.violated}")
    return "\n".join(rows)


def _row(step: Step, column: int, width: int) -> list[str]:
    """One step; a text that is wider than its column runs on to the right, then wraps."""
    start = 6 + step.lane * column
    room = max(30, width - start)
    start = max(6, min(start, width - room))
    lines = _wrap(step.text, room)
    first = f"{step.line:>4}  ".ljust(start) + lines[0]
    return [first, *(" " * (start + 2) + line for line in lines[1:])]


def _wrap(text: str, room: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > room - 2:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]

# SPDX-License-Identifier: BSD-2-Clause
"""What the searches cost, and how that grows with the number of CPUs."""

from __future__ import annotations

from dataclasses import dataclass

from roundpen.errors import MachineError
from roundpen.proof import prove, search
from roundpen.proof.catalogue import Catalogue
from roundpen.proof.search import Run

CURVES: dict[str, tuple[int, ...]] = {
    "return": (1, 2),
    "psci": (2, 3),
    "lock": (2, 3),
    "gather": (1, 2, 3),
    "late": (1, 2),
}
"""Setting -> numbers of CPUs, besides the one that asks in `return` and `gather`.

Machines of 2, 3 and 4 CPUs, as far as a default search comes to its end: `lock` with 4 has more
than 35 million states, `return-device` with 3 more than 29 million.
"""


@dataclass(frozen=True)
class Cost:
    """What one exhaustive search took."""

    setting: str
    cpus: int
    states: int
    depth: int
    states_per_second: float
    cpu_seconds: float
    peak_bytes: int


def curve(catalogue: Catalogue, setting: str, numbers: tuple[int, ...]) -> list[Cost]:
    """One setting with each number of CPUs, one search after the other.

    Raises MachineError when a search is cut short or finds something: then there is no cost.
    """
    subject = catalogue.settings[setting]
    return [_cost(search.run(prove.task(subject, cpus=cpus))) for cpus in numbers]


def curves(catalogue: Catalogue) -> list[Cost]:
    """All of CURVES. Raises MachineError as `curve` does."""
    return [
        cost for setting, numbers in CURVES.items() for cost in curve(catalogue, setting, numbers)
    ]


def _cost(run: Run) -> Cost:
    found = run.search
    if not found.exhaustive:
        why = found.cut_short or found.error
        raise MachineError(f"{run.task.name} with {run.task.cpus} CPUs: no complete search: {why}")
    return Cost(
        setting=run.task.name,
        cpus=run.task.cpus,
        states=found.states,
        depth=found.depth,
        states_per_second=found.states / max(run.cpu_seconds, 0.01),
        cpu_seconds=run.cpu_seconds,
        peak_bytes=run.peak_bytes,
    )

# SPDX-License-Identifier: BSD-2-Clause
"""The shipped bytes against the properties: what `roundpen prove --bytes` runs."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from roundpen.errors import UserError
from roundpen.image import wrap
from roundpen.proof.bytes import binary, fairness, story
from roundpen.proof.bytes.binary import Resident
from roundpen.proof.bytes.monitor import PROPERTIES
from roundpen.proof.bytes.scenarios import Scenario, scenarios
from roundpen.proof.bytes.search import Counterexample, Search

LIMIT = 600_000
LIMIT_DEEP = 4_000_000
"""States of one search; some 700 bytes each. Past it the search was cut short."""

COVERS = (
    "Every interleaving of accesses to shared memory, WFE and SEV, without a bound on steps, "
    "calls or preemptions: a search ends when no state is new. Sequentially consistent; in "
    "scenarios that end in -b stores wait in buffers until a barrier. Instructions between two "
    "accesses are one step with the access before them."
)
LEAVES_OUT = (
    "loads that overtake, and caches (the pen's accesses are Device-nGnRnE; see the models)",
    "interrupts and aborts: all are masked, none is injected",
    "EL2 itself: its registers are a table, its translation and traps are not acted upon",
    "the counter: it stands still",
    "more CPUs than a search names",
)


@dataclass(frozen=True)
class Outcome:
    """One scenario. `counterexample` None and `complete`: all properties hold.

    `checked`: how often something was held against each property. `ways`: pieces of code
    executed by the emulator. `peak`: the process's so far, bytes.
    """

    scenario: str
    describes: str
    complete: bool
    states: int
    steps: int
    depth: int
    ways: int
    instructions: int
    seconds: float
    peak: int
    checked: dict[str, int]
    counterexample: Counterexample | None
    story: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether this is a proof, within what COVERS says."""
        return self.complete and self.counterexample is None

    @property
    def rate(self) -> float:
        """Steps of interleavings per second."""
        return self.steps / self.seconds if self.seconds else 0.0


Progress = Callable[[str, int, int], None]
"""Gets the scenario's name, states and steps so far."""


def shipped() -> Resident:
    """The binary that this package carries. Raises UserError when pen.bin has none."""
    return binary.from_image(wrap.pen_binary(), "the packaged pen.bin")


def prove(
    resident: Resident | Path | None = None,
    *,
    deep: bool = False,
    names: tuple[str, ...] = (),
    progress: Progress = lambda name, states, steps: None,
) -> Iterator[Outcome]:
    """Search each scenario (only `names`, if any are given), one after the other.

    `resident`: the binary, a file with it, or None for the shipped one. Raises UserError for a
    file that has none or an unknown name, MachineError when Unicorn or SciPy is missing.
    """
    known = [one.name for one in scenarios(deep=True)]
    for name in names:
        if name not in known:
            raise UserError(
                f"--scenario {name}: there is no such scenario", remedy="known: " + ", ".join(known)
            )
    if resident is None:
        resident = shipped()
    elif isinstance(resident, Path):
        resident = binary.read(resident)
    for scenario in scenarios(deep=deep or bool(names)):
        if not names or scenario.name in names:
            yield search(resident, scenario, LIMIT_DEEP if deep else LIMIT, progress)


def search(
    resident: Resident,
    scenario: Scenario,
    limit: int = LIMIT,
    progress: Progress = lambda name, states, steps: None,
) -> Outcome:
    """One scenario on one binary."""
    one = Search(resident, scenario)
    found = one.run(limit, lambda states, steps: progress(scenario.name, states, steps))
    if found is None and one.complete:
        found = fairness.check(one)
    graph = one.graph
    checked = one.monitor.checked + one.engine.checked
    return Outcome(
        scenario=scenario.name,
        describes=scenario.describes,
        complete=one.complete,
        states=len(graph.states),
        steps=graph.steps,
        depth=max(graph.depths, default=0),
        ways=sum(cpu.ways for cpu in one.cpus),
        instructions=one.engine.instructions,
        seconds=one.seconds,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        checked={name: checked[name] for name in PROPERTIES},
        counterexample=found,
        story=tuple(story.lines(found, scenario.area, resident)) if found else (),
    )

# SPDX-License-Identifier: BSD-2-Clause
"""The whole proof: every model under every setting, and every mutant, two searches at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from roundpen.proof import search
from roundpen.proof.catalogue import Catalogue, Mutant, Setting
from roundpen.proof.search import Run, Task

AT_ONCE = 2
SECONDS = 600.0
DEEP_SECONDS = 6000.0
"""Bounds of wall time of one search, in the default and in the deep proof."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """What came of one search, against what must come of it."""

    subject: Setting | Mutant
    run: Run

    @property
    def expected(self) -> str:
        """The name of the property that must be violated, "" when nothing must be found."""
        return self.subject.violates if isinstance(self.subject, Mutant) else ""

    @property
    def as_expected(self) -> bool:
        """Whether the search found what it must; one that was cut short never did."""
        if self.expected:
            return self.run.violates == self.expected
        return self.run.search.exhaustive

    @property
    def outcome(self) -> str:
        """In words: "holds", the property that is violated, or why nothing is known."""
        if self.run.search.exhaustive:
            return "holds"
        if self.run.timeline is not None:
            return f"violated: {self.run.timeline.violated}"
        return f"CUT SHORT, no proof: {self.run.search.cut_short}"


def task(subject: Setting | Mutant, *, deep: bool = False, cpus: int | None = None) -> Task:
    """The search for a setting or a mutant; `cpus` instead of what is usual.

    Deep is for what must hold: a counterexample is one with any number of CPUs.
    """
    mutant = subject if isinstance(subject, Mutant) else None
    setting = subject.setting if isinstance(subject, Mutant) else subject
    falls = mutant is not None and bool(mutant.violates)
    return Task(
        name=subject.name,
        model=setting.model,
        cpus=cpus or _cpus(setting, mutant, deep=deep and not falls),
        switches=setting.switches if mutant is None else mutant.all_switches,
        shortest=falls and not setting.fair,
        fair=setting.fair,
        deep=deep and not falls,
        seconds=DEEP_SECONDS if deep else SECONDS,
    )


def _cpus(setting: Setting, mutant: Mutant | None, *, deep: bool) -> int:
    if mutant is None:
        return setting.deep_cpus if deep else setting.model.cpus
    return setting.model.cpus if deep else mutant.cpus


def subjects(catalogue: Catalogue) -> tuple[Setting | Mutant, ...]:
    """Everything there is to search, the proofs first."""
    return (*catalogue.settings.values(), *catalogue.mutants.values())


def prove(
    wanted: Sequence[Setting | Mutant],
    *,
    deep: bool = False,
    told: Callable[[Verdict], None] = lambda _: None,
) -> list[Verdict]:
    """Search all of `wanted`; `told` gets each verdict as it comes. In the order of `wanted`.

    Raises MachineError when Spin or a compiler is missing or fails.
    """
    tasks = [(subject, task(subject, deep=deep)) for subject in wanted]
    builds = {(t.model.name, t.cpus, t.shortest, t.fair, t.deep): t for _, t in tasks}
    for build in builds.values():
        search.prepare(build)
    found: dict[str, Verdict] = {}
    for subject, run in _run_all(tasks):
        verdict = Verdict(subject, run)
        found[subject.name] = verdict
        _log.info("proof: %s: %s", subject.name, verdict.outcome)
        told(verdict)
    return [found[subject.name] for subject in wanted]


def _run_all(
    tasks: Sequence[tuple[Setting | Mutant, Task]],
) -> Iterator[tuple[Setting | Mutant, Run]]:
    """Each run as it ends. What hasn't started is given up when one fails."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting: dict[Future[Run], Setting | Mutant] = {
            pool.submit(search.run, entry): subject for subject, entry in tasks
        }
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        finally:
            for future in waiting:
                future.cancel()
            # Interrupted, the pool would wait for those that run.
            search.stop()

# SPDX-License-Identifier: BSD-2-Clause
"""The series under the judges that a maintainer asks: checkpatch, dt-schema, the compiler."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from roundpen import cache
from roundpen.errors import MachineError, UserError
from roundpen.kernel import binding, build, checkpatch, compiles, own, series, source, worktree
from roundpen.kernel.finding import Finding, Verdict
from roundpen.kernel.worktree import Worktree

WHOLE = "series"
"""The name under which all patches together are judged."""
_RECIPE = "1"
_log = logging.getLogger(__name__)


class Builds(Enum):
    """How much to compile."""

    NONE = "none"
    TOUCHED = "touched"
    """The objects whose source the series touches, all of them after each patch."""
    ALL = "all"
    """The Image after each patch, and of the whole series in other configurations."""


@dataclass(frozen=True)
class _Judged:
    """What all judges of one series need."""

    patches: series.Series
    place: Worktree
    builds: Builds

    def finding(self, judge: str, patch: str, wrong: str, content: str) -> Finding:
        """`wrong`: the objection, or "" for none; then `content` is what is said."""
        verdict = Verdict.WRONG if wrong else Verdict.CONTENT
        return Finding(self.patches.line, judge, patch, wrong or content, verdict)

    def skipped(self, judge: str, patch: str, why: str) -> Finding:
        """A judge that could not be asked."""
        return Finding(self.patches.line, judge, patch, why, Verdict.SKIPPED)

    def first(self, count: int) -> series.Series:
        """The series up to its patch number `count`."""
        return series.Series(self.patches.line, self.patches.patches[:count])


def check_tree(tree: Path, builds: Builds = Builds.ALL) -> list[Finding]:
    """Put the series for the line of `tree` through every judge, on a copy of hard links.

    Raises UserError when there is no series for its line or it was built in place, MachineError
    when a tool breaks.
    """
    found = _series(series.line_of(series.version(tree)))
    own.require_clean(tree)
    return list(_all(found, worktree.borrow(tree.resolve()), builds))


def check_line(line: str, builds: Builds = Builds.ALL) -> list[Finding]:
    """The same on Debian's source of a kernel line, where objects are kept from run to run.

    Raises UserError for a line without series or source.
    """
    found = _series(line)
    deb = source.deb(line)
    key = cache.digest("check", _RECIPE, deb.sha256, build.compiler(), *source.LEFT_OUT)
    return list(_all(found, worktree.hold(key, source.trimmed(deb)), builds))


def _series(line: str) -> series.Series:
    known = series.lines()
    if line not in known:
        raise UserError(f"Linux {line}: no series; there are {', '.join(known)}")
    return known[line]


def _all(
    patches: series.Series, where: AbstractContextManager[Worktree], builds: Builds
) -> Iterator[Finding]:
    build.require_tools()
    with where as place:
        job = _Judged(patches, place, builds)
        place.become(job.first(0))
        if builds is not Builds.NONE:
            # Always: an earlier run has left a variant's configuration there.
            compiles.configure(place.source, place.objects)
        objected_before = binding.document_remarks(place.source) if not binding.missing() else set()
        for number, one in enumerate(patches.patches, 1):
            _log.info("%s: %s", patches.line, one.stem)
            yield from _checkpatch(job, one)
            try:
                place.become(job.first(number))
            except MachineError as error:
                yield job.finding("patch", one.stem, error.message, "")
                return
            if binding.FILE in series.touched(one):
                yield from _binding(job, one.stem, objected_before)
            if builds is not Builds.NONE:
                yield _compiles(job, one)
        yield from _cases(job)
        if builds is Builds.ALL:
            yield from _variants(job)


def _checkpatch(job: _Judged, one: Path) -> Iterator[Finding]:
    environment = build.environment(os.environ)
    remarks = checkpatch.remarks(job.place.source, one, environment)
    yield from (job.finding("checkpatch", one.stem, said, "") for said in remarks)
    if not remarks:
        yield job.finding("checkpatch", one.stem, "", "no remark")


def _binding(job: _Judged, name: str, before: set[str]) -> Iterator[Finding]:
    """The binding as a document, by what is new, and its examples."""
    missing = binding.missing()
    if missing:
        yield job.skipped("dt-schema", name, f"{', '.join(missing)} not found")
        return
    tree = job.place.source
    remarks = sorted(binding.document_remarks(tree) - before) + binding.example_remarks(tree)
    yield from (job.finding("dt-schema", name, said, "") for said in remarks)
    if not remarks:
        yield job.finding("dt-schema", name, "", "no new remark, the examples pass")


def _cases(job: _Judged) -> Iterator[Finding]:
    """The whole series' binding on trees that it must accept or object to."""
    if not any(binding.FILE in series.touched(one) for one in job.patches.patches):
        return
    missing = binding.missing()
    if missing:
        yield job.skipped("dt-validate", WHOLE, f"{', '.join(missing)} not found")
        return
    for case, objections in binding.case_verdicts(job.place.source):
        expected = "an objection" if case.objected else "none"
        wrong = bool(objections) != case.objected
        said = f"{case.says}: {'; '.join(dict.fromkeys(objections)) or 'no objection'}"
        wrong_words = f"{said}: expected {expected}" if wrong else ""
        yield job.finding("dt-validate", WHOLE, wrong_words, said)


def _compiles(job: _Judged, one: Path) -> Finding:
    touched = {path for each in job.patches.patches for path in series.touched(each)}
    wanted = compiles.targets(touched) if job.builds is Builds.TOUCHED else ["Image"]
    if not any(map(compiles.is_compiled, series.touched(one))):
        return job.finding("build", one.stem, "", "nothing in it is compiled")
    said = compiles.complaint(job.place.source, job.place.objects, wanted)
    return job.finding("build", one.stem, said, f"{' '.join(wanted)}: no warning")


def _variants(job: _Judged) -> Iterator[Finding]:
    for variant in compiles.VARIANTS:
        _log.info("%s: %s", job.patches.line, variant.name)
        objects = job.place.objects
        if variant.apart:
            objects = objects.with_name(f"objects-{variant.name}")
        compiles.configure(job.place.source, objects, variant)
        said = compiles.complaint(job.place.source, objects, ["Image"])
        yield job.finding("build", WHOLE, f"{variant.name}: {said}" if said else "",
                          f"{variant.name}: Image: no warning")  # fmt: skip

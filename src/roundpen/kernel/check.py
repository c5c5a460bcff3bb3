# SPDX-License-Identifier: BSD-2-Clause
"""The series against the judges that a maintainer would ask: checkpatch, dt-schema, a build."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roundpen import cache
from roundpen.errors import UserError
from roundpen.kernel import build, fragment, series, tool, worktree

BINDING = "Documentation/devicetree/bindings/arm/cpus.yaml"
_LIMIT = 3600
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """One judge's word on one patch. `wrong`: it objects; otherwise it is content, or absent."""

    judge: str
    patch: str
    said: str
    wrong: bool

    def __str__(self) -> str:
        """In one line."""
        return f"{self.judge}: {self.patch}: {self.said}"


def check(tree: Path, *, build_each: bool = True) -> list[Finding]:
    """Put the series for `tree` through every judge, on a copy of hard links: it stays as it is.

    Raises UserError when there is no series for its line, MachineError when a tool is missing.
    """
    known = series.lines()
    line = ".".join(series.version(tree).split(".")[:2])
    if line not in known:
        raise UserError(f"{tree}: Linux {line}: no series; there are {', '.join(known)}")
    found: list[Finding] = []
    place = cache.root() / "linux-check"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{line}-", dir=place) as name:
        copy = Path(name) / "linux"
        worktree.link_tree(tree.resolve(), copy)
        before = schema_complaints(_dt(copy)) if _has_dt() else set()
        for one in known[line].patches:
            _log.info("checking %s", one.stem)
            found += _checkpatch(copy, one)
            refusal = series.apply(copy, one)
            if refusal:
                return [*found, Finding("patch", one.stem, refusal, wrong=True)]
            if BINDING in series.touched(one):
                found += _binding(copy, one, before)
            if build_each:
                found.append(_build(copy, place / f"objects-{line}", one))
    return found


def _checkpatch(tree: Path, one: Path) -> Iterator[Finding]:
    """checkpatch's exit status counts, and so do its lines: a CHECK leaves the status 0."""
    done = _run(["perl", "scripts/checkpatch.pl", "--strict", "--terse", str(one)], tree)
    lines = [text.rpartition(f"{one.name}:")[2] for text in done.stdout.splitlines()]
    wrong = [text for text in lines if any(f"{w}:" in text for w in ("ERROR", "WARNING", "CHECK"))]
    if done.returncode and not wrong:
        wrong = [done.stdout.strip()[-300:]]
    yield from (Finding("checkpatch", one.stem, text, wrong=True) for text in wrong)
    if not wrong:
        yield Finding("checkpatch", one.stem, "clean", wrong=False)


def _has_dt() -> bool:
    return shutil.which("dt-doc-validate") is not None


def _dt(tree: Path) -> str:
    done = _run(["dt-doc-validate", "-u", "Documentation/devicetree/bindings", BINDING], tree)
    return done.stdout


def schema_complaints(output: str) -> set[str]:
    """What dt-doc-validate's output objects to, without the place in the file. Pure.

    Its exit status can't be trusted. Indented lines explain the one above.
    """
    lines = (text for text in output.splitlines() if text.strip() and not text[0].isspace())
    return {text.partition(f"{BINDING}:")[2].strip() or text for text in lines}


def _binding(tree: Path, one: Path, before: set[str]) -> Iterator[Finding]:
    if not _has_dt():
        yield Finding("dt-schema", one.stem, "skipped: dt-doc-validate is missing", wrong=False)
        return
    new = schema_complaints(_dt(tree)) - before
    yield from (Finding("dt-schema", one.stem, text, wrong=True) for text in sorted(new))
    if not new:
        yield Finding("dt-schema", one.stem, "no new complaint", wrong=False)


def _build(tree: Path, objects: Path, one: Path) -> Finding:
    objects.mkdir(parents=True, exist_ok=True)
    if not (objects / ".config").exists():
        build.configure(tree, objects, fragment.of())
    jobs = os.cpu_count() or 1
    command = ["make", "-C", str(tree), f"O={objects}", f"-j{jobs}", "Image", "KCFLAGS=-Werror"]
    done = _run(command)
    if done.returncode:
        return Finding("build", one.stem, done.stdout.strip()[-500:], wrong=True)
    return Finding("build", one.stem, "builds, no warning", wrong=False)


def _run(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = build.environment(os.environ)
    return tool.run(command, folder, limit=_LIMIT, environment=environment)

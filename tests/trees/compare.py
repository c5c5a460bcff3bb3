# SPDX-License-Identifier: BSD-2-Clause
"""One tree held against Linux: booted plain and wrapped; what `check` and the pen say of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from roundpen.contract.layout import Offer
from tests.trees import penned
from tests.trees.answer import LOADED, Answer
from tests.trees.kinds import Case
from tests.trees.machine import boot, tree_of
from tests.trees.says import POSSIBLE_MAX, Said, differences, kexec_of, said
from tests.trees.verdict import worse

KEPT = Path(__file__).parents[2] / "build" / "trees"
"""Where the consoles of what went wrong are kept."""
_PATIENCE = 20.0
"""Seconds for the wrapped kernel where the plain one died: it can't be worse."""


@dataclass(frozen=True)
class Row:
    """What came of one tree."""

    case: Case
    plain: Answer
    wrapped: Answer
    said: Said
    worse: tuple[str, ...]
    differs: tuple[str, ...]

    @property
    def problems(self) -> list[str]:
        """What must not be."""
        return [
            *(f"worse than without the pen: {one}" for one in self.worse),
            *(f"read otherwise: {one}" for one in self.differs),
        ]


def compare(case: Case) -> Row:
    """Boot the tree twice and judge. Consoles are kept where something is wrong."""
    found = re.search(r"nr_cpus=(\d+)", case.session.words)
    limit = int(found[1]) if found else POSSIBLE_MAX
    tree = tree_of(case.session)
    words = said(tree, case.name, limit)
    plain, plain_lines = boot(case.session)
    session = case.session
    if not plain.first.reached:
        session = replace(session, patience=_PATIENCE)
    wrapped, wrapped_lines = boot(session, Offer.PSCI)
    differs = [*differences(plain, words, limit), *penned.differences(tree, plain, wrapped)]
    row = Row(case, plain, wrapped, words, tuple(worse(plain, wrapped)), tuple(differs))
    if row.problems:
        KEPT.mkdir(parents=True, exist_ok=True)
        for how, lines in (("plain", plain_lines), ("wrapped", wrapped_lines)):
            name = re.sub(r"[^a-z0-9]+", "-", case.name.lower())
            (KEPT / f"{name}.{how}.txt").write_text("\n".join([*lines, ""]))
    return row


HEAD = (
    "tree", "possible", "online", "method", "PSCI", "kexec", "check says", "pen says", "wrapped",
)  # fmt: skip


def cells(row: Row) -> tuple[str, ...]:
    """The row for a table: Linux's answers, then what the others say of the same."""
    first = row.plain.first
    if not first.reached:
        return (row.case.name, "dies", "", "", "", "", _says(row.said), _pen(row), _wrapped(row))
    methods = {"psci" if made.switch else "other" for made in first.made.values()}
    came = kexec_of(row.plain)
    return (
        row.case.name,
        ranges(first.possible),
        ranges(first.online),
        "+".join(sorted(methods)),
        first.psci or "none",
        came.value if came else "not asked",
        _says(row.said),
        _pen(row),
        _wrapped(row),
    )


def _says(words: Said) -> str:
    numbers = frozenset(cpu.number for cpu in words.possible if cpu.number is not None)
    return f"{ranges(numbers)}; PSCI {'yes' if words.psci else 'no'}; kexec {words.kexec.value}"


def _pen(row: Row) -> str:
    first = row.wrapped.first
    return first.offer or first.refused or "nothing"


def _wrapped(row: Row) -> str:
    first = row.wrapped.first
    if row.worse:
        return "WORSE"
    if not first.reached:
        return "dies"
    came = "jump works" if row.wrapped.arrived else "jump fails"
    if LOADED not in row.wrapped.asked.values():
        came = "kexec refused"
    return f"{ranges(first.online)} at {first.level}; {came}"


def ranges(cpus: frozenset[int]) -> str:
    """Numbers as the kernel lists them: "0-2,5"."""
    found: list[list[int]] = []
    for cpu in sorted(cpus):
        if found and cpu == found[-1][-1] + 1:
            found[-1].append(cpu)
        else:
            found.append([cpu])
    return ",".join(str(one[0]) if len(one) == 1 else f"{one[0]}-{one[-1]}" for one in found) or "-"

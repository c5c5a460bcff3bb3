# SPDX-License-Identifier: BSD-2-Clause
"""What a rule is, what it finds, and the list of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from roundpen.check.bearing import Answer, Bearing, State
from roundpen.check.board import Board
from roundpen.check.system import UNKNOWN, System
from roundpen.errors import UserError


class Severity(Enum):
    """How bad it is."""

    ERROR = "error"
    """Something promised or expected does not work, or memory is overwritten."""
    WARNING = "warning"
    """It may go wrong, depending on what the tree does not say."""
    NOTE = "note"
    """To know before acting. Does not count as a finding in the exit status."""


class Hit(NamedTuple):
    """One place where a rule applies, as the rule's function gives it."""

    node: str
    prop: str
    found: str
    expected: str
    do: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    `node` is the path in the tree, or the file of the running system that says it; `prop` is
    the property there, "" when it is about the node itself. `found`, `expected` and `do` are
    short texts, one line each.
    """

    code: str
    severity: Severity
    title: str
    node: str
    prop: str
    found: str
    expected: str
    do: str


class Case(NamedTuple):
    """What a rule gets to see."""

    board: Board
    system: System


RuleFunction = Callable[[Case], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and its page entry."""

    code: str
    severity: Severity
    title: str
    why: str
    do: str
    source: str
    find: RuleFunction
    live: bool
    """Does it need the running system?"""
    bears: tuple[Bearing, ...]
    """What its findings mean for the ways to kexec. An error names every way."""

    def on(self, way: str, *, live: bool) -> Answer | None:
        """What a finding means for `way`; None when nothing. `live`: on the running system?"""
        for each in self.bears:
            if way in each.ways and each.state is not State.OPEN and not (each.file_only and live):
                return Answer(each.state, each.because)
        return None


_RULES: dict[str, Rule] = {}


def rule(
    code: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    do: str,
    source: str,
    live: bool = False,
    bears: tuple[Bearing, ...] = (),
) -> Callable[[RuleFunction], RuleFunction]:
    """Enter the decorated function into the list of rules.

    `why`: what goes wrong. `do`: the cure in general. `source`: where it is known from. `bears`:
    what its findings mean for the ways.
    """

    def enter(function: RuleFunction) -> RuleFunction:
        if code in _RULES:
            raise ValueError(f"two rules are called {code}: {title!r} is the second")
        entry = Rule(code, severity, title, _plain(why), _plain(do), source, function, live, bears)
        _RULES[code] = entry
        return function

    return enter


def _plain(text: str) -> str:
    return " ".join(text.split())


def rules() -> tuple[Rule, ...]:
    """All rules in the order of their codes."""
    # Their modules enter them when they are imported.
    from roundpen.check.rulebook import (
        cpus,
        live,
        loader,
        log,
        memory,
        methods,
        psci,
        release,
        returning,
    )

    assert all((cpus, live, loader, log, memory, methods, psci, release, returning))
    return tuple(_RULES[code] for code in sorted(_RULES))


def find_rule(code: str) -> Rule:
    """The rule called `code`, in upper or lower case.

    Raises UserError when there is none.
    """
    for entry in rules():
        if entry.code == code.upper():
            return entry
    raise UserError(f"no rule is called {code}", remedy="see `roundpen check --rules`")


def check(board: Board, system: System = UNKNOWN) -> tuple[Finding, ...]:
    """What the rules find on `board`, in the order of their codes.

    `system`: what else is known; without it the rules about a running system find nothing.
    """
    case = Case(board, system)
    return tuple(_findings(case))


def _findings(case: Case) -> Iterator[Finding]:
    for entry in rules():
        if entry.live and not case.system.live:
            continue
        for hit in entry.find(case):
            yield Finding(entry.code, entry.severity, entry.title, *hit)

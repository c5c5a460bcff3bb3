# SPDX-License-Identifier: BSD-2-Clause
"""A check as text for people. No rich here: importing it takes longer than a check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from textwrap import wrap

from roundpen.check.bearing import State
from roundpen.check.findings import Finding, Rule, Severity
from roundpen.check.run import Checked
from roundpen.check.ways import Route

WIDTH = 100
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
_RESET = "\x1b[0m"
_COLOURS: dict[object, str] = {
    Severity.ERROR: "\x1b[31m",
    Severity.WARNING: "\x1b[33m",
    Severity.NOTE: "\x1b[36m",
    State.OPEN: "\x1b[32m",
    State.DEPENDS: "\x1b[33m",
    State.CLOSED: "\x1b[2m",
}


def _tint(text: str, of: object, colour: bool) -> str:
    return f"{_COLOURS[of]}{text}{_RESET}" if colour else text


def full(checked: Checked, *, colour: bool = False) -> Iterator[str]:
    """One board's answer, a line each."""
    board = checked.board
    if board is None:
        yield f"could not be read: {checked.unreadable}"
        return
    methods = ", ".join(sorted({cpu.method or "no enable-method" for cpu in board.secondaries}))
    yield f"{checked.name}: {board.model or 'a board without a name'}"
    yield f"  {len(board.cpus)} CPUs, started by {methods or 'nobody'}"
    yield ""
    yield f"Findings: {_count(checked.findings)}"
    for finding in checked.findings:
        yield from _finding(finding, colour)
    yield ""
    yield "Routes to kexec, best first:"
    for route in checked.routes:
        yield from _route(route, colour)


def _finding(finding: Finding, colour: bool) -> Iterator[str]:
    severity = _tint(finding.severity.value, finding.severity, colour)
    yield f"  {finding.code} {severity}: {finding.title}"
    yield f"      at        {': '.join(filter(None, (finding.node, finding.prop)))}"
    for label in ("found", "expected", "do"):
        text = getattr(finding, label)
        if text:
            yield f"      {label:<9} {text}"


def _route(route: Route, colour: bool) -> Iterator[str]:
    state = _tint(f"{route.state.value:<8}", route.state, colour)
    yield f"  {state} {_plain(route.title)}"
    for text in wrap(route.reason, WIDTH - 11, break_on_hyphens=False):
        yield f"           {text}"
    if route.state is State.CLOSED:
        return
    for label in ("needs", "costs", "keeps"):
        lines = wrap(_plain(getattr(route, label)), WIDTH - 18, break_on_hyphens=False)
        for number, line in enumerate(lines):
            yield f"           {label if number == 0 else '':<6} {line}"


def _plain(markdown: str) -> str:
    """Without the marks that only a page needs."""
    return _LINK.sub(r"\1", markdown).replace("**", "").replace("`", "")


def _count(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    named = [
        f"{counts[severity]} {severity.value}{'s' if counts[severity] != 1 else ''}"
        for severity in Severity
        if counts[severity]
    ]
    return ", ".join(named) or "none"


def line(checked: Checked, *, colour: bool = False) -> str:
    """One board in one line: its codes, and the best way that is not closed."""
    if checked.board is None:
        return _tint(f"could not be read: {checked.unreadable}", Severity.ERROR, colour)
    codes = " ".join(
        dict.fromkeys(_tint(each.code, each.severity, colour) for each in checked.findings)
    )
    best = checked.routes[0]
    way = best.name if best.state is not State.CLOSED else "none"
    return f"{checked.name}: {codes or 'clean'}; route: {way}"


class Summary:
    """Counts over many boards."""

    def __init__(self) -> None:
        """Nothing counted yet."""
        self.boards = self.clean = self.unreadable = 0
        self._codes: Counter[str] = Counter()
        self._methods: Counter[str] = Counter()

    def add(self, checked: Checked) -> None:
        """Count one board."""
        if checked.board is None:
            self.unreadable += 1
            return
        self.boards += 1
        self.clean += not checked.counting
        self._codes.update({finding.code for finding in checked.findings})
        methods = {cpu.method or "none" for cpu in checked.board.cpus}
        self._methods[" and ".join(sorted(methods)) or "no CPUs"] += 1

    def lines(self, all_rules: Iterable[Rule]) -> Iterator[str]:
        """The counts, a line each; `all_rules` has the titles."""
        yield (
            f"{self.boards + self.unreadable} trees: {self.clean} clean, "
            f"{self.boards - self.clean} with findings, {self.unreadable} could not be read"
        )
        yield "started by: " + ", ".join(f"{n} {what}" for what, n in self._methods.most_common())
        for entry in all_rules:
            if self._codes[entry.code]:
                count = self._codes[entry.code]
                yield f"{count:6} {entry.code} {entry.severity.value}: {entry.title}"

    @property
    def all_clean(self) -> bool:
        """Whether no board has findings that count."""
        return self.clean == self.boards


def rule_list(all_rules: Iterable[Rule]) -> Iterator[str]:
    """All rules, a line each."""
    for entry in all_rules:
        where = " (running system only)" if entry.live else ""
        yield f"{entry.code} {entry.severity.value:<7} {entry.title}{where}"


def ways(entry: Rule) -> Iterator[str]:
    """What the rule's findings do to the ways, as far as they do something."""
    verbs = {State.CLOSED: "closes", State.DEPENDS: "makes depend"}
    for each in entry.bears:
        if each.state in verbs:
            where = " in a file" if each.file_only else ""
            yield f"{verbs[each.state]}{where} {', '.join(each.ways)}"


def explanation(entry: Rule) -> Iterator[str]:
    """One rule in full."""
    yield f"{entry.code} {entry.severity.value}: {entry.title}"
    texts = {
        "why": entry.why,
        "do": entry.do,
        "ways": "; ".join(ways(entry)),
        "source": entry.source,
    }
    for label, whole in texts.items():
        lines = wrap(whole, WIDTH - 8, break_on_hyphens=False)
        if lines:
            yield ""
        for number, text in enumerate(lines):
            yield f"{label if number == 0 else '':<7} {text}"

# SPDX-License-Identifier: BSD-2-Clause
"""What a Spin verifier ("pan") prints, as a value. Pure.

Source of the format: Spin 6.5.2, observed; `man spin`, and Holzmann, "The Spin Model Checker".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SUMMARY = re.compile(r"depth reached (\d+).*errors: (\d+)")
_STATES = re.compile(r"^\s*([\d.e+]+) states, stored", re.M)
_TRANSITIONS = re.compile(r"^\s*([\d.e+]+) transitions", re.M)
_ERROR = re.compile(r"^pan:\d+: (.+?) \(at depth -?\d+\)", re.M)
_CUT_SHORT = re.compile(
    r"max search depth too small|out of memory|-DMEMLIM bound|Search not completed"
    r"|hash-?table (?:is )?full|interrupted|VECTORSZ is too small",
    re.I,
)
_UNREACHED = re.compile(r'^\t(\S+\.pml):(\d+), state \d+, "(.*)"$', re.M)
_PROGRESS = re.compile(r"^Depth=\s*(\d+) States=\s*(\S+) .*Memory=\s*(\S+)\s+t=\s*(\S+) R=")


@dataclass(frozen=True)
class Search:
    """One run of a verifier.

    `error` is what it complains about ("" for nothing); `cut_short` says why the search
    is no proof although nothing was found ("" for an exhaustive one).
    """

    states: int
    transitions: int
    depth: int
    error: str
    cut_short: str
    unreached: tuple[tuple[str, int, str], ...]

    @property
    def exhaustive(self) -> bool:
        """Whether every reachable state was seen and all was well."""
        return not self.error and not self.cut_short


@dataclass(frozen=True)
class Progress:
    """A line that the verifier prints every million states."""

    depth: int
    states: int
    mebibytes: float
    seconds: float


def parse(text: str, status: int) -> Search:
    """Read all that a verifier printed; `status` is its exit status.

    Whatever isn't a complete report of an exhaustive search is `cut_short`: nothing that goes
    wrong with the verifier itself can look like a proof.
    """
    summary = _SUMMARY.search(text)
    states, transitions = _STATES.search(text), _TRANSITIONS.search(text)
    error = _ERROR.search(text)
    found = error[1].strip() if error else ""
    if found.startswith("max search depth"):
        found = ""
    return Search(
        states=int(float(states[1])) if states else 0,
        transitions=int(float(transitions[1])) if transitions else 0,
        depth=int(summary[1]) if summary else 0,
        error=found,
        cut_short="" if found else _why_short(text, status, summary),
        unreached=tuple((file, int(line), code) for file, line, code in _UNREACHED.findall(text)),
    )


def _why_short(text: str, status: int, summary: re.Match[str] | None) -> str:
    short = _CUT_SHORT.search(text)
    if short:
        return short[0]
    if status != 0:
        return f"the verifier ended with status {status}"
    if summary is None:
        return "the verifier printed no summary"
    if summary[2] != "0":
        return f"{summary[2]} errors, none of which is named"
    if "Full statespace search" not in text and "Breadth-First" not in text:
        return "the search was not over the full state space"
    return ""


def parse_progress(line: str) -> Progress | None:
    """A progress line, or None for any other."""
    match = _PROGRESS.match(line)
    if match is None:
        return None
    depth, states, memory, seconds = match.groups()
    return Progress(int(depth), int(float(states)), float(memory), float(seconds))

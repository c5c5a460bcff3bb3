# SPDX-License-Identifier: BSD-2-Clause
"""What a rule's findings mean for the ways to kexec: each names those that it closes or unsettles.

So that no way is open beside an error that contradicts it: `roundpen.check.ways` takes the
strictest of what a way's own judge says and of what the findings say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class State(Enum):
    """Whether a way can be taken. In order: the later one is the stricter."""

    OPEN = "open"
    """Nothing known is in the way."""
    DEPENDS = "depends"
    """It hangs on something that the tree does not say."""
    CLOSED = "closed"


PENS = ("pen-psci-el2", "pen-psci-el3", "pen-return")
ALL = ("late", "psci", *PENS, "firmware-return", "nr-cpus", "kdump")
"""The names of the ways, best first. `roundpen.check.ways` says what each of them is."""
TAKES_CPUS_BACK = ("late", "psci", *PENS, "firmware-return")
"""The ways in which CPUs leave the kernel that runs."""


class Answer(NamedTuple):
    """A way's state on one board, and the reason in one line."""

    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Bearing:
    """What one rule's findings mean for some ways: `state` is OPEN where they mean nothing."""

    ways: tuple[str, ...]
    state: State
    because: str
    file_only: bool
    """Only as long as a loader may still change the tree: not on the running system."""


def closes(*ways: str, because: str, file_only: bool = False) -> Bearing:
    """None of `ways` can be taken."""
    return _bearing(ways, State.CLOSED, because, file_only)


def unsettles(*ways: str, because: str, file_only: bool = False) -> Bearing:
    """Each of `ways` depends on something; `because` begins with "if"."""
    return _bearing(ways, State.DEPENDS, because, file_only)


def spares(*ways: str) -> Bearing:
    """The findings say nothing against `ways`. An error has to say so of each."""
    return _bearing(ways, State.OPEN, "", file_only=False)


def _bearing(ways: tuple[str, ...], state: State, because: str, file_only: bool) -> Bearing:
    unknown = [name for name in ways if name not in ALL]
    if unknown:
        raise ValueError(f"no way is called {unknown[0]}; known: {', '.join(ALL)}")
    return Bearing(ways, state, because, file_only)


def together(said: Iterable[tuple[Answer, str]]) -> Answer:
    """One answer of several, each with the code of the rule behind it, or "".

    What closes comes before what depends. Of what closes, the first reason; of what depends, all.
    """
    order, every = list(State), list(said)
    state = max((answer.state for answer, _ in every), key=order.index)
    reasons: dict[str, list[str]] = {}
    for answer, code in every:
        if answer.state is state:
            reasons.setdefault(answer.reason, []).extend([code] if code else [])
    texts = [f"{text} ({', '.join(codes)})" if codes else text for text, codes in reasons.items()]
    return Answer(state, "; and ".join(texts) if state is State.DEPENDS else texts[0])

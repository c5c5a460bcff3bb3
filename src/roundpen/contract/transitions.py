# SPDX-License-Identifier: BSD-2-Clause
"""Which ways a CPU's state may go, and who may write each: docs/architecture.md as data.

The search over the shipped bytes and the replay of recorded runs are both held to this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from roundpen.contract.layout import CpuState, Offer


class Writer(Enum):
    """Who stores the new state into a CPU's slot."""

    ITSELF = "itself"
    CALLER = "the caller of CPU_ON"
    BOOT = "boot/"


@dataclass(frozen=True)
class Transition:
    """One step of one CPU. `offers`: under which offers it exists."""

    before: CpuState
    after: CpuState
    writer: Writer
    event: str
    offers: tuple[Offer, ...] = (Offer.PSCI, Offer.RETURN)


_PSCI = (Offer.PSCI,)
_RETURN = (Offer.RETURN,)
_ALIVE = (CpuState.OFF, CpuState.ON_PENDING, CpuState.ON, CpuState.OFF_PENDING)

TRANSITIONS: tuple[Transition, ...] = (
    Transition(CpuState.ABSENT, CpuState.OFF, Writer.ITSELF, "arrives"),
    Transition(CpuState.ABSENT, CpuState.ON_PENDING, Writer.BOOT, "is the boot CPU", _PSCI),
    Transition(CpuState.ABSENT, CpuState.ON, Writer.BOOT, "is the boot CPU", _RETURN),
    Transition(CpuState.OFF, CpuState.ON_PENDING, Writer.CALLER, "CPU_ON", _PSCI),
    Transition(CpuState.ON_PENDING, CpuState.ON, Writer.ITSELF, "leaves", _PSCI),
    Transition(CpuState.ON, CpuState.OFF_PENDING, Writer.ITSELF, "CPU_OFF", _PSCI),
    Transition(CpuState.OFF_PENDING, CpuState.OFF, Writer.ITSELF, "parks", _PSCI),
    Transition(CpuState.OFF, CpuState.ON, Writer.ITSELF, "is released", _RETURN),
    Transition(CpuState.ON, CpuState.OFF, Writer.ITSELF, "returns", _RETURN),
    Transition(CpuState.ABSENT, CpuState.FAILED, Writer.BOOT, "does not arrive in time"),
    Transition(CpuState.FAILED, CpuState.OFF, Writer.ITSELF, "arrives too late"),
    Transition(CpuState.OFF, CpuState.FAILED, Writer.BOOT, "arrives as it is given up"),
    Transition(CpuState.OFF, CpuState.FAILED, Writer.ITSELF, "finds the bar"),
    # Both may see at the same time that the CPU is late.
    Transition(CpuState.FAILED, CpuState.FAILED, Writer.ITSELF, "finds the bar"),
    Transition(CpuState.FAILED, CpuState.FAILED, Writer.BOOT, "does not arrive in time"),
    Transition(
        CpuState.ABSENT,
        CpuState.WRONG_LEVEL,
        Writer.ITSELF,
        "arrives at another level than the boot CPU",
    ),
    Transition(
        CpuState.ON, CpuState.WRONG_LEVEL, Writer.ITSELF, "returns at another level", _RETURN
    ),
    *(
        Transition(state, CpuState.DEAD, Writer.ITSELF, "exception inside the pen")
        for state in _ALIVE
    ),
)


def allowed(before: CpuState, after: CpuState, writer: Writer, offer: Offer) -> bool:
    """Whether `writer` may take a CPU from `before` to `after` under `offer`."""
    return any(
        (one.before, one.after, one.writer) == (before, after, writer) and offer in one.offers
        for one in TRANSITIONS
    )


def way(before: CpuState, after: CpuState, offer: Offer) -> Transition | None:
    """The step from one state to another under `offer`, whoever writes it; None: there is none."""
    fitting = (one for one in TRANSITIONS if (one.before, one.after) == (before, after))
    return next((one for one in fitting if offer in one.offers), None)

# SPDX-License-Identifier: BSD-2-Clause
"""What a reason is. Values only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from roundpen.kexec.situation import Situation

MIB = 1 << 20


class Weight(Enum):
    """What a reason means."""

    CALLER = "caller"
    """Against: not with this command line, file or user."""
    MACHINE = "machine"
    """Against: not on this machine, or not with its kernel as it runs now."""
    WARNING = "warning"
    """To know before the jump."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing against the plan: short texts, one line each."""

    name: str
    """The same for good, as "lockdown": what a script can go by."""
    weight: Weight
    found: str
    do: str


Judge = Callable[[Situation], Iterator[Reason]]


def caller(name: str, found: str, do: str) -> Reason:
    """Against: the caller can change it."""
    return Reason(name, Weight.CALLER, found, do)


def machine(name: str, found: str, do: str) -> Reason:
    """Against: this machine, or its kernel, won't."""
    return Reason(name, Weight.MACHINE, found, do)


def caution(name: str, found: str, do: str) -> Reason:
    """Not against."""
    return Reason(name, Weight.WARNING, found, do)


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / MIB:.1f} MiB" if count >= MIB // 10 else f"{count >> 10} KiB"

# SPDX-License-Identifier: BSD-2-Clause
"""The words in which the unfolded code and the kernels' halves talk to the search. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

CPU_OFF = 0x8400_0002
CPU_ON = 0xC400_0003
AFFINITY_INFO = 0xC400_0004
"""Function numbers (DEN0022, 5.1)."""
CALL_NAMES = {CPU_OFF: "CPU_OFF", CPU_ON: "CPU_ON", AFFINITY_INFO: "AFFINITY_INFO"}


class Kind(IntEnum):
    """What a CPU is about to do."""

    LOAD = 0
    STORE = 1
    WAIT = 2
    """WFE: goes on when the event register is set."""
    SIGNAL = 3
    """SEV: sets the event register of every CPU."""
    PAUSE = 4
    """WFI: may go on at any time, or never."""
    CHOOSE = 5
    """Outside of the pen: one of `options` ways to go on, or none for ever."""
    FAULT = 6
    """It has broken a property on its own."""
    BARRIER = 7
    """DMB or DSB, where stores are buffered: goes on when its own are in memory."""


class Call(NamedTuple):
    """HVC #0 from the kernel. `target`: number of the CPU that it is about."""

    function: int
    target: int
    arguments: tuple[int, int, int] = (0, 0, 0)

    @property
    def name(self) -> str:
        """As PSCI has it."""
        about = f"({self.target})" if self.function != CPU_OFF else ""
        return f"{CALL_NAMES[self.function]}{about}"


class Served(NamedTuple):
    """A call inside the pen: where its caller was, and with which SP_EL2 it came."""

    call: Call
    place: tuple[object, ...]
    stack_pointer: int


class Door(NamedTuple):
    """A branch to an address in the pen (offset in bytes) from outside.

    `level`: exception level; None: the one at which the pen itself was entered.
    """

    offset: int
    level: int | None = None


class Event(NamedTuple):
    """Something that properties are about and that is no access: see `Monitor`."""

    name: str
    first: int = 0
    second: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """A CPU at the point where its next step is one that others could notice.

    `word`: place of the word in `Region.words`; `value`: what is stored; `where`: offset in
    the pen in bytes, -1 outside; `call`: the call being served; `text`: for people.
    """

    kind: Kind
    inside: bool
    where: int = -1
    word: int = -1
    value: int = 0
    options: int = 1
    call: Call | None = None
    text: str = ""
    broken: str = ""
    """FAULT: which property."""
    willing: bool = False
    """CHOOSE: it will go on, sooner or later."""

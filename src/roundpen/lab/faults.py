# SPDX-License-Identifier: BSD-2-Clause
"""What can be wrong with a firmware that takes CPUs back, and what Linux must then say. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from roundpen.errors import UserError
from roundpen.lab.machines import Machine

LATE = 2.5
"""Seconds between a late CPU's coming home and its saying so: more than the second that the
contract gives it, less than a run has to wait for it to see that it is too late."""


class Fault(Enum):
    """What is wrong with a CPU that says it can be returned, or can't."""

    NO_ENTRY = "has no cpu-return-addr"
    ZERO_ENTRY = "has a cpu-return-addr of 0"
    ODD_ENTRY = "has a cpu-return-addr that is not aligned to 4 bytes"
    ODD_WORD = "has a release word that is not aligned to 8 bytes"
    SHARED_WORD = "polls the word of the CPU before it"
    RAM_WORD = "polls a word in ordinary RAM"
    NO_RECEIPT = "comes home and never says so"
    LATE_RECEIPT = "says that it is home only after the time-out"

    @property
    def label(self) -> str:
        """Its name on a command line."""
        return self.name.lower().replace("_", "-")

    @property
    def visible(self) -> bool:
        """Whether the device tree shows it, so that nothing has to be tried."""
        return self not in (Fault.NO_RECEIPT, Fault.LATE_RECEIPT)


REASON: dict[Fault, str] = {
    Fault.NO_ENTRY: "has no cpu-return-addr",
    Fault.ZERO_ENTRY: "cpu-return-addr is zero",
    Fault.ODD_ENTRY: "cpu-return-addr is not aligned to 4 bytes",
    Fault.ODD_WORD: "cpu-release-addr is zero or not aligned to 8 bytes",
    Fault.SHARED_WORD: "shares its release word with another CPU",
    Fault.RAM_WORD: "release word is not in no-map reserved memory",
    Fault.NO_RECEIPT: "did not return to firmware",
    Fault.LATE_RECEIPT: "did not return to firmware",
}
"""Words of arch/arm64/kernel/smp_spin_table.c as our series for Linux leaves it."""


@dataclass(frozen=True)
class Faulty:
    """One CPU, by the firmware's number, and what is wrong with it."""

    cpu: int
    fault: Fault


def reasons(faults: tuple[Faulty, ...], *, visible: bool) -> dict[int, str]:
    """CPU -> why a kernel must refuse to take it for returnable.

    `visible`: for the faults that the tree shows, or for those that only a return shows.
    """
    found: dict[int, str] = {}
    for one in faults:
        if one.fault.visible is visible:
            found[one.cpu] = REASON[one.fault]
            if one.fault is Fault.SHARED_WORD:
                # There are two to every sharing.
                found.setdefault(one.cpu - 1, REASON[one.fault])
    return found


def parse(text: str) -> tuple[Faulty, ...]:
    """`CPUS=FAULT` as in "1-3=no-receipt": those CPUs have that fault.

    Raises UserError when it is not of that form, or when there is no such fault.
    """
    where, _, label = text.partition("=")
    low, _, high = where.partition("-")
    known = {fault.label: fault for fault in Fault}
    if label not in known:
        raise UserError(
            f"fault {text!r}: {label!r} is none, expected CPU=FAULT or CPU-CPU=FAULT",
            remedy=f"the faults are {', '.join(known)}",
        )
    if not low.isdecimal() or not (high or low).isdecimal():
        raise UserError(f"fault {text!r}: {where!r} is no CPU and no range of CPUs like 1-3")
    first, last = int(low), int(high or low)
    if not 0 <= first <= last < 4096:
        raise UserError(f"fault {text!r}: {where!r} is no range of CPUs")
    return tuple(Faulty(cpu, known[label]) for cpu in range(first, last + 1))


def check(faults: tuple[Faulty, ...], machine: Machine) -> None:
    """Raise UserError when the machine's firmware can't have these."""
    if faults and not machine.returns:
        raise UserError(
            f"{machine.name}: its firmware takes no CPU back, so it can't fail to",
            remedy="take a machine called virt-returning-...",
        )
    cpus = machine.cpus
    for one in faults:
        if one.cpu >= cpus:
            raise UserError(f"fault {one.fault.label}: no CPU {one.cpu}; there are 0 to {cpus - 1}")
        if one.fault is Fault.SHARED_WORD and one.cpu == 0:
            raise UserError("fault shared-word: there is no CPU before CPU 0")
    seen = [one.cpu for one in faults]
    twice = sorted({cpu for cpu in seen if seen.count(cpu) > 1})
    if twice:
        raise UserError(f"CPU {twice[0]}: more than one fault", remedy="name one of them")

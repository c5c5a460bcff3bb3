# SPDX-License-Identifier: BSD-2-Clause
"""What a lab run does and what must come of it, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from roundpen.contract import layout
from roundpen.contract.layout import Offer, Refusal
from roundpen.lab.machines import Machine


class Ending(Enum):
    """How the last generation ends."""

    STAY = "stay"
    POWEROFF = "poweroff"
    REBOOT = "reboot"


@dataclass(frozen=True)
class Expectation:
    """What must be true for the run to pass."""

    refused: bool = False
    """Every attempt to load a kexec image must be refused, and hotplug impossible."""
    offer: str = ""
    """What /chosen/roundpen,offer must say; "" when no pen is expected."""
    stepped_aside: str = ""
    """Words that /chosen/roundpen,refused must contain, when the pen must step aside."""
    live_pen: str = ""
    """The same from the first kexec on, when that kernel is wrapped too and finds a live pen."""


@dataclass(frozen=True)
class Scenario:
    """One run: `kexecs` jumps in a chain, `cycles` hotplug cycles per CPU in every generation."""

    kexecs: int = 0
    cycles: int = 0
    boot_cpu_too: bool = False
    ending: Ending = Ending.STAY
    modules: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    """Further steps (verb and arguments) for the last generation."""
    expects: Expectation = field(default_factory=Expectation)

    @property
    def generations(self) -> int:
        """How many kernels run: the one that firmware started and one per kexec."""
        return 1 if self.expects.refused else self.kexecs + 1


def logbook_step() -> str:
    """The guest's `logbook` step: spans of the reserved region, from the contract."""
    header = f"{layout.LOGBOOK_OFFSET} {layout.LOGBOOK_SIZE}"
    return f"logbook {header} {layout.SLOT_OFFSET} {layout.SLOT_SIZE} {SLOT_SPAN}"


SLOT_SPAN = next(one.offset for one in layout.SLOT if one.name == "lock_busy")
"""Bytes of a slot that a logbook is read from: every word less is a process less in the guest."""


def steps(scenario: Scenario, cpus: int) -> list[str]:
    """The lines of the guest's /scenario for a machine with `cpus` CPUs."""
    lines = []
    for generation in range(scenario.generations):
        last = generation == scenario.generations - 1
        for step in _generation(scenario, cpus, last):
            lines.append(f"{generation} {step}")
    return lines


def _generation(scenario: Scenario, cpus: int, last: bool) -> list[str]:
    found = ["report", "work first"]
    if scenario.cycles:
        those = range(0 if scenario.boot_cpu_too else 1, cpus)
        found.append(f"hotplug {scenario.cycles} {' '.join(map(str, those))}")
        found.append("work after-hotplug")
    found.append(logbook_step())
    if not last:
        return [*found, "load", "jump", "finish stay"]
    if scenario.modules:
        found.append("modules " + " ".join(scenario.modules))
    found += scenario.extra
    if scenario.expects.refused and scenario.kexecs:
        found.append("load")
    return [*found, f"finish {scenario.ending.value}"]


def expected(
    machine: Machine, wrap: Offer | None, *, kexec_wrapped: bool = False, returns: bool = False
) -> Expectation:
    """What must come of a run on `machine`, with or without the pen.

    Without it, a spin-table machine refuses kexec and hotplug. With it, it takes its offer,
    unless the machine is one where the pen must step aside: then all is as without.
    `kexec_wrapped`: the kernels that are kexec'ed to are wrapped too. `returns`: the kernel
    knows cpu-return-addr; to one that doesn't, the return offer changes nothing.
    """
    if wrap is None:
        return Expectation(refused=machine.spin_table)
    aside = Refusal.NONE
    if not machine.spin_table:
        aside = Refusal.PSCI_PRESENT
    elif machine.entry_level < 2 and wrap is Offer.PSCI:
        aside = Refusal.ENTRY_LEVEL
    if aside is Refusal.NONE:
        live_pen = layout.REFUSAL_TEXT[Refusal.LIVE_PEN] if kexec_wrapped else ""
        refused = wrap is Offer.RETURN and not returns
        return Expectation(offer=wrap.name.lower(), refused=refused, live_pen=live_pen)
    return Expectation(refused=machine.spin_table, stepped_aside=layout.REFUSAL_TEXT[aside])

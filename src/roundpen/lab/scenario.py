# SPDX-License-Identifier: BSD-2-Clause
"""What a lab run does and what must come of it, as data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from roundpen.contract import layout
from roundpen.contract.layout import Offer, Refusal
from roundpen.lab.faults import REASON, Fault, Faulty, reasons
from roundpen.lab.machines import Machine


class Ending(Enum):
    """How the last generation ends."""

    STAY = "stay"
    POWEROFF = "poweroff"
    REBOOT = "reboot"


class Pen(Enum):
    """How a module comes to its pen, in the words of /sys/kernel/roundpen/pen."""

    MADE = "made"
    ADOPTED = "adopted"


@dataclass(frozen=True)
class Late:
    """Each kernel gets the module, but for those of the generations `series`: their kernels have
    the return series, and take the pen of the kernel before without it.

    parameters: of the module, in the first kernel.
    """

    series: frozenset[int] = frozenset()
    parameters: str = ""


@dataclass(frozen=True)
class Expectation:
    """What must be true for the run to pass. CPUs by the firmware's numbers."""

    refused: bool = False
    """Every attempt to load a kexec image must be refused, and hotplug impossible."""
    stays: Mapping[int, str] = field(default_factory=dict)
    """CPUs that can't be returned; words of the reason that a refused kexec must give for each.
    Empty for a kernel that gives no reasons."""
    silent: Mapping[int, str] = field(default_factory=dict)
    """CPUs whose return no receipt proves: gone for good once unplugged, words as above."""
    offer: str = ""
    """What /chosen/roundpen,offer must say; "" when no pen is expected."""
    stepped_aside: str = ""
    """Words that /chosen/roundpen,refused must contain, when the pen must step aside."""
    late: Pen | None = None
    """How the first kernel's module comes to its pen; None without a module."""
    leaves: bool = False
    """The first kernel can leave without the module (PSCI)."""
    live_pen: str = ""
    """The same from the first kexec on, when that kernel is wrapped too and finds a live pen."""

    def offer_to(self, generation: int) -> str:
        """What the tree of that kernel says: the tree of the one that made the pen nothing."""
        return "" if self.late is Pen.MADE and generation == 0 else self.offer


@dataclass(frozen=True)
class Crash:
    """The kernel crashes, with a capture kernel loaded. CPUs by the first kernel's numbers.

    cpu: the one that crashes. spinning: one that loops with its interrupts off meanwhile.
    append: words for the capture kernel's command line.
    """

    cpu: int = 0
    spinning: int | None = None
    append: str = ""


@dataclass(frozen=True)
class Scenario:
    """One run: `kexecs` jumps in a chain, `cycles` hotplug cycles per CPU in every generation.

    `crash`: how the last of these kernels ends. `limit`: what keeps the first kernel from
    bringing up all CPUs ("maxcpus=2", "nosmp"); the next ones are not told. `kvm`: each kernel
    starts a virtual machine, before and after hotplug. `late`: the module sends CPUs home.
    """

    kexecs: int = 0
    cycles: int = 0
    boot_cpu_too: bool = False
    ending: Ending = Ending.STAY
    modules: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    """Further steps (verb and arguments) for the last generation."""
    limit: str = ""
    crash: Crash | None = None
    kvm: bool = False
    late: Late | None = None
    expects: Expectation = field(default_factory=Expectation)

    def labels(self) -> tuple[str, ...]:
        """The names of the moments at which the CPUs have to work."""
        return ("first", "after-hotplug") if self.cycles else ("first",)


def logbook_step() -> str:
    """The guest's `logbook` step: spans of the reserved region, from the contract."""
    header = f"{layout.LOGBOOK_OFFSET} {layout.LOGBOOK_SIZE}"
    return f"logbook {header} {layout.SLOT_OFFSET} {layout.SLOT_SIZE} {SLOT_SPAN}"


SLOT_SPAN = next(one.offset for one in layout.SLOT if one.name == "lock_busy")
"""Bytes of a slot that a logbook is read from: every word less is a process less in the guest."""


def expected(
    machine: Machine,
    wrap: Offer | None,
    *,
    kexec_wrapped: bool = False,
    returns: bool = False,
    faults: tuple[Faulty, ...] = (),
    late: bool = False,
) -> Expectation:
    """What must come of a run on `machine`, with or without the pen.

    Without it, a spin-table machine refuses kexec and hotplug, unless its firmware takes CPUs
    back and the kernel knows cpu-return-addr (`returns`). With it, it takes its offer,
    unless the machine is one where the pen must step aside: then all is as without.
    `kexec_wrapped`: the kernels that are kexec'ed to are wrapped too. To a kernel that does
    not know cpu-return-addr, the return offer changes nothing. `faults`: of the firmware.
    `late`: each kernel loads the module, unless it knows cpu-return-addr.
    """
    if late:
        return _late(machine, wrap)
    bare = _bare(machine, faults, returns=returns)
    if wrap is None:
        return bare
    aside = Refusal.NONE
    if not machine.spin_table:
        aside = Refusal.PSCI_PRESENT
    elif machine.entry_level < 2 and wrap is Offer.PSCI:
        aside = Refusal.ENTRY_LEVEL
    if aside is not Refusal.NONE:
        return replace(bare, stepped_aside=layout.REFUSAL_TEXT[aside])
    live_pen = layout.REFUSAL_TEXT[Refusal.LIVE_PEN] if kexec_wrapped else ""
    refused = wrap is Offer.RETURN and not returns
    return Expectation(offer=wrap.name.lower(), refused=refused, live_pen=live_pen)


def _late(machine: Machine, wrap: Offer | None) -> Expectation:
    """A pen of somebody else's is taken; its CPUs come back without one of ours."""
    found = Pen.ADOPTED if machine.returns or wrap is Offer.RETURN else Pen.MADE
    return Expectation(
        stays={0: ""} if machine.boots_on_cpu_0 else {},
        offer="" if machine.returns and wrap is None else Offer.RETURN.name.lower(),
        late=found,
        leaves=not machine.spin_table,
    )


def _bare(machine: Machine, faults: tuple[Faulty, ...], *, returns: bool) -> Expectation:
    if not machine.spin_table:
        return Expectation()
    if not returns:
        return Expectation(refused=True)
    if not machine.returns:
        why = REASON[Fault.NO_ENTRY]
        return Expectation(refused=True, stays=dict.fromkeys(range(machine.cpus), why))
    return Expectation(stays=reasons(faults, visible=True), silent=reasons(faults, visible=False))

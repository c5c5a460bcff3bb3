# SPDX-License-Identifier: BSD-2-Clause
"""The ways by which kexec can work on a board, best first, and why others are closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from roundpen.check.board import WORD_SIZE, Board, Range
from roundpen.check.refusing import refusal
from roundpen.check.rulebook.psci import METHODS
from roundpen.check.rulebook.psci import node as psci_node
from roundpen.check.rulebook.release import LINE
from roundpen.check.rulebook.returning import refusals
from roundpen.check.system import UNKNOWN, System
from roundpen.contract import layout
from roundpen.contract.layout import Refusal


class State(Enum):
    """Whether a way can be taken."""

    OPEN = "open"
    """Nothing known is in the way."""
    DEPENDS = "depends"
    """It hangs on something that the tree does not say."""
    CLOSED = "closed"


class Answer(NamedTuple):
    """A route's state on one board, and the reason in one line."""

    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Way:
    """A way in general: the same on every board."""

    name: str
    title: str
    needs: str
    costs: str
    keeps: str
    known: str
    """How it is known to work: what was measured where, or that it was not."""
    judge: Callable[[Board, System], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A way on one board."""

    name: str
    title: str
    state: State
    reason: str
    needs: str
    costs: str
    keeps: str
    known: str


_OPEN, _DEPENDS, _CLOSED = State.OPEN, State.DEPENDS, State.CLOSED
_NO_CPUS = Answer(_CLOSED, "the tree names no CPUs")


def routes(board: Board, system: System = UNKNOWN) -> tuple[Route, ...]:
    """The ways for `board`: open ones first, then those that depend, then closed ones.

    Within each of the three, the order of WAYS, which is best first.
    """
    found = []
    for way in WAYS:
        answer = way.judge(board, system) if board.cpus else _NO_CPUS
        found.append(
            Route(way.name, way.title, *answer, way.needs, way.costs, way.keeps, way.known)
        )
    return tuple(sorted(found, key=lambda route: list(State).index(route.state)))


# --- what the judges have in common --------------------------------------------------------


def _uses_psci(board: Board) -> bool:
    found = psci_node(board)
    methods = {cpu.method for cpu in board.secondaries}
    return methods == {"psci"} and found is not None and found.method in METHODS


def _kernel(system: System) -> Answer | None:
    """What the running kernel lacks for any way; None when nothing is known to be missing."""
    if system.option("KEXEC") is False and system.option("KEXEC_FILE") is False:
        return Answer(_CLOSED, "this kernel has neither CONFIG_KEXEC nor CONFIG_KEXEC_FILE")
    if system.kexec_disabled:
        return Answer(_CLOSED, "kernel.kexec_load_disabled is set until the next boot")
    return None


def _hotplug(system: System) -> Answer | None:
    """As `_kernel`, for the ways in which CPUs leave the kernel."""
    if system.option("HOTPLUG_CPU") is False:
        return Answer(_CLOSED, "this kernel has no CONFIG_HOTPLUG_CPU")
    if system.word("kvm-arm.mode") == "protected":
        return Answer(_CLOSED, "protected KVM keeps EL2, and Linux refuses kexec")
    return _kernel(system)


def _pen(board: Board) -> Answer | None:
    """What keeps a pen, with either offer, from this board; None when nothing does."""
    if not board.secondaries:
        return Answer(_CLOSED, "not needed: one CPU only")
    reason = refusal(board)
    if reason not in (Refusal.NONE, Refusal.RELEASE_WORD_BAD):
        text = layout.REFUSAL_TEXT[reason]
        return Answer(_CLOSED, f"the pen steps aside: {text} ({reason.name})")
    bad = [cpu for cpu in board.spinning if cpu.word is None or cpu.word % WORD_SIZE]
    if bad and all(cpu.release and cpu.release.value == 0 for cpu in bad):
        return Answer(_DEPENDS, "if the loader fills in the release addresses, which are 0 here")
    if bad:
        return Answer(_CLOSED, f"{bad[0].path} has no usable release word (RELEASE_WORD_BAD)")
    return None


def _apple(board: Board) -> bool:
    """Cores whose EL2 is always in VHE mode, as far as a tree can tell."""
    return any(name.startswith("apple,") for name in board.compatible)


# --- one judge for each way ----------------------------------------------------------------


def _psci(board: Board, system: System) -> Answer:
    if board.pen_offer == "psci":
        return _hotplug(system) or Answer(_OPEN, "a pen is at work and offers it")
    if not board.secondaries:
        return _kernel(system) or Answer(_OPEN, "one CPU only: nothing to take back")
    if not _uses_psci(board):
        return Answer(_CLOSED, "the tree promises no PSCI for its CPUs")
    found, level = psci_node(board), system.entry_level
    if found and found.method == "hvc" and level is not None and level >= 2:
        return Answer(_CLOSED, f'"hvc" reaches nobody from EL{level}')
    return _hotplug(system) or Answer(_OPEN, "firmware promises it for every CPU")


def _pen_psci(board: Board, system: System) -> Answer:
    closed = _hotplug(system) or _pen(board)
    if closed:
        return closed
    if _apple(board):
        return Answer(_CLOSED, "Apple's cores fix EL2 in VHE mode (E2H_FIXED)")
    if system.entry_level is None:
        return Answer(_DEPENDS, "if the loader enters the kernel at EL2; U-Boot and most others do")
    if system.entry_level != 2:
        return Answer(_CLOSED, f"kernels are entered at EL{system.entry_level}, not EL2")
    return Answer(_OPEN, "entered at EL2")


def _pen_psci_el3(board: Board, system: System) -> Answer:
    return Answer(_CLOSED, "not built: roundpen has no pen for EL3")


def _pen_return(board: Board, system: System) -> Answer:
    closed = _hotplug(system) or _pen(board)
    if closed:
        return closed
    if _apple(board) and system.entry_level != 1:
        return Answer(_CLOSED, "Apple's cores fix EL2 in VHE mode (E2H_FIXED)")
    if system.entry_level == 3:
        return Answer(_CLOSED, "kernels are entered at EL3")
    return Answer(_DEPENDS, "if the kernel carries the series: no released one does")


def _firmware(board: Board, system: System) -> Answer:
    closed = _hotplug(system)
    if closed:
        return closed
    if not board.spinning:
        return Answer(_CLOSED, "no CPU is started from a spin-table")
    promised = [cpu for cpu in board.spinning if cpu.returns_to]
    if not promised:
        return Answer(_CLOSED, "this firmware promises no way back (no cpu-return-addr)")
    for cpu, code in refusals(board, system.cache_line or LINE):
        if code and not cpu.is_boot:  # the boot CPU runs kexec: it need not go
            return Answer(_CLOSED, f"the kernel does not believe {cpu.path}: see {code}")
    return Answer(_DEPENDS, "firmware promises it; if the kernel carries the series")


def _nr_cpus(board: Board, system: System) -> Answer:
    closed = _kernel(system)
    if closed:
        return closed
    if not board.spinning:
        return Answer(_CLOSED, "not needed without a spin-table")
    words = [Range(cpu.word, cpu.word + WORD_SIZE) for cpu in board.spinning if cpu.word]
    if len(words) < len(board.spinning):
        return Answer(_DEPENDS, "if the loader fills in the release addresses")
    if not system.whole_tree:
        return Answer(_DEPENDS, "if firmware's loop is reserved: run as root to see")
    if any(board.in_ram(word) is not False and not board.kept(word) for word in words):
        return Answer(_CLOSED, "unsafe: release words are not reserved, so the loop may not be")
    return Answer(_DEPENDS, "if the loop lies in the reserved memory in which its words are")


def _kdump(board: Board, system: System) -> Answer:
    closed = _kernel(system)
    if closed:
        return closed
    if system.option("CRASH_DUMP") is False:
        return Answer(_CLOSED, "this kernel has no CONFIG_CRASH_DUMP")
    if board.spinning and not all(cpu.returns_to for cpu in board.spinning):
        return Answer(_DEPENDS, "not refused, not reliable: the other CPUs stay in the dead kernel")
    return Answer(_OPEN, "with `crashkernel=` and a capture kernel loaded")


WAYS: tuple[Way, ...] = (
    Way(
        name="psci",
        title="PSCI that is already there",
        needs="a kernel with `CONFIG_HOTPLUG_CPU` and kexec, as all distributions' are",
        costs="nothing",
        keeps="everything",
        known="the rule on today's boards; QEMU `virt` here",
        judge=_psci,
    ),
    Way(
        name="pen-psci-el2",
        title="pen at EL2, offer `psci`",
        needs="entry at EL2; a kernel with `CONFIG_HOTPLUG_CPU`; `roundpen wrap` after each kernel "
        "update",
        costs="**KVM**: the kernel runs at EL1. A wrapped file can't be started by EFI firmware. "
        "64 KiB of memory for good; 6 to 8 MiB around the kernel while it starts, given back",
        keeps="firmware, device tree file, the kernel's own code, all CPUs, hotplug, any number of "
        "kexecs",
        known="implemented; run in QEMU only",
        judge=_pen_psci,
    ),
    Way(
        name="pen-psci-el3",
        title="pen at EL3, offer `psci`",
        needs="the place of the board's EL3 firmware",
        costs="replacing a firmware file",
        keeps="kernel, KVM, EL2",
        known="not built; other people's firmware does it: Trusted Firmware-A on Raspberry Pi 3 "
        "and 4, with reports of secondaries that did not come back (Talos, 2022)",
        judge=_pen_psci_el3,
    ),
    Way(
        name="pen-return",
        title="pen, offer `return`",
        needs="a kernel that knows `cpu-return-addr` ([kernel/](../kernel/README.md)); "
        "`roundpen wrap --offer return`",
        costs="a patched kernel",
        keeps="the level at which the kernel is entered, KVM included; all CPUs, hotplug, any "
        "number of kexecs",
        known="work in progress; run in QEMU only",
        judge=_pen_return,
    ),
    Way(
        name="firmware-return",
        title="firmware that implements the contract",
        needs="firmware that does what [contract.md](contract.md) says; a kernel that knows "
        "`cpu-return-addr`",
        costs="a firmware update and a patched kernel",
        keeps="everything else",
        known="no released firmware; a stand-in in QEMU here",
        judge=_firmware,
    ),
    Way(
        name="nr-cpus",
        title="`nr_cpus=1` in the first kernel",
        needs="a kernel command line; firmware's loop in reserved memory",
        costs="the first kernel has one CPU only. One jump per start with `nr_cpus=1`: the second "
        "kernel, with all CPUs, can't kexec any further",
        keeps="firmware, tree, kernel, KVM",
        known="measured in QEMU: accepted, 4 of 4 CPUs in the second kernel",
        judge=_nr_cpus,
    ),
    Way(
        name="kdump",
        title="kdump alone",
        needs="a crash kernel loaded beforehand",
        costs="memory for it. Without a way back the other CPUs stay in the dead kernel: `Some "
        "CPUs may be stale, kdump will be unreliable`",
        keeps="everything",
        known="not refused by Linux; hung on a Raspberry Pi 3 (raspberrypi/linux#6428)",
        judge=_kdump,
    ),
)

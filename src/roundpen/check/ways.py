# SPDX-License-Identifier: BSD-2-Clause
"""The ways by which kexec can work on a board, best first, and why others are closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from roundpen.check import judges
from roundpen.check.bearing import Answer, State, together
from roundpen.check.board import Board
from roundpen.check.findings import Case, Finding, check, find_rule
from roundpen.check.late import late
from roundpen.check.system import UNKNOWN, System


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
    judge: Callable[[Case], Iterator[Answer]]
    """What speaks against it beside the findings; the last answer says what speaks for it."""


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
    findings: tuple[str, ...] = ()
    """Codes of the rules whose findings close it, or make it depend on something."""


def routes(
    board: Board, system: System = UNKNOWN, findings: Sequence[Finding] | None = None
) -> tuple[Route, ...]:
    """The ways for `board`: open ones first, then those that depend, then closed ones.

    Within each of the three, the order of WAYS, which is best first. `findings`: what `check` says
    of the same two, for who has it already.
    """
    case = Case(board, system)
    codes = dict.fromkeys(each.code for each in (check(*case) if findings is None else findings))
    found = [_route(way, case, tuple(codes)) for way in WAYS]
    return tuple(sorted(found, key=lambda route: list(State).index(route.state)))


def asked_route(
    name: str, board: Board, system: System, findings: Sequence[Finding] | None = None
) -> Route:
    """One way, for who asks for it by name: that another would do as well is no answer to him."""
    case = Case(board, system)
    codes = dict.fromkeys(each.code for each in (check(*case) if findings is None else findings))
    way = next(way for way in WAYS if way.name == name)
    if name == "late":
        way = replace(way, judge=partial(late, asked=True))
    return _route(way, case, tuple(codes))


def _route(way: Way, case: Case, codes: tuple[str, ...]) -> Route:
    """What the findings say and what the way's judge says, the strictest first."""
    said = {
        code: answer
        for code in codes
        if (answer := find_rule(code).on(way.name, live=case.system.live)) is not None
    }
    judged = [(answer, "") for answer in way.judge(case)]
    closed = [pair for pair in judged if pair[0].state is State.CLOSED]
    answer = together([*closed, *((each, code) for code, each in said.items()), *judged])
    return Route(
        way.name, way.title, *answer, way.needs, way.costs, way.keeps, way.known, tuple(said)
    )


WAYS: tuple[Way, ...] = (
    Way(
        name="late",
        title="late pen: a module in the running kernel",
        needs="a running kernel with `CONFIG_MODULES`, `CONFIG_KPROBES`, `CONFIG_HOTPLUG_CPU` and "
        "kexec, Linux 5.16 or newer; the module `roundpen`, built for it",
        costs="a module out of tree, built anew for each kernel; 64 KiB of memory for good; no "
        "hibernation while it is loaded",
        keeps="firmware, tree, kernel, EL2 and KVM, all CPUs, hotplug, any number of kexecs. "
        "Nothing is installed before, nothing is restarted",
        known="run in QEMU only",
        judge=late,
    ),
    Way(
        name="psci",
        title="PSCI that is already there",
        needs="a kernel with `CONFIG_HOTPLUG_CPU` and kexec, as all distributions' are",
        costs="nothing",
        keeps="everything",
        known="the rule on today's boards; QEMU `virt` here",
        judge=judges.psci,
    ),
    Way(
        name="pen-psci-el2",
        title="pen at EL2, offer `psci`",
        needs="entry at EL2; a kernel with `CONFIG_HOTPLUG_CPU`; `roundpen wrap` after each kernel "
        "update",
        costs="**KVM**: the kernel runs at EL1. A wrapped file can't be started by EFI firmware. "
        "64 KiB of memory for good; while it starts, 1.5 MiB in front of the kernel and a copy of "
        "the tree, given back",
        keeps="firmware, device tree file, the kernel's own code, all CPUs, hotplug, any number of "
        "kexecs",
        known="implemented; run in QEMU only",
        judge=judges.pen_psci,
    ),
    Way(
        name="pen-psci-el3",
        title="pen at EL3, offer `psci`",
        needs="the place of the board's EL3 firmware",
        costs="replacing a firmware file",
        keeps="kernel, KVM, EL2",
        known="not built; other people's firmware does it: Trusted Firmware-A on Raspberry Pi 3 "
        "and 4, with reports of secondaries that did not come back (Talos, 2022)",
        judge=judges.pen_psci_el3,
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
        judge=judges.pen_return,
    ),
    Way(
        name="firmware-return",
        title="firmware that implements the contract",
        needs="firmware that does what [contract.md](contract.md) says; a kernel that knows "
        "`cpu-return-addr`",
        costs="a firmware update and a patched kernel",
        keeps="everything else",
        known="no released firmware; a stand-in in QEMU here",
        judge=judges.firmware,
    ),
    Way(
        name="nr-cpus",
        title="`nr_cpus=1` in the first kernel",
        needs="a kernel command line; firmware's loop in reserved memory",
        costs="the first kernel has one CPU only. One jump per start with `nr_cpus=1`: the second "
        "kernel, with all CPUs, can't kexec any further",
        keeps="firmware, tree, kernel, KVM",
        known="measured in QEMU: accepted, 4 of 4 CPUs in the second kernel",
        judge=judges.nr_cpus,
    ),
    Way(
        name="kdump",
        title="kdump alone",
        needs="a crash kernel loaded beforehand",
        costs="memory for it. Without a way back the other CPUs stay in the dead kernel: `Some "
        "CPUs may be stale, kdump will be unreliable`",
        keeps="everything",
        known="not refused by Linux; hung on a Raspberry Pi 3 (raspberrypi/linux#6428)",
        judge=judges.kdump,
    ),
)

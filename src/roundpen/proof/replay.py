# SPDX-License-Identifier: BSD-2-Clause
"""A kept transcript of `lab run` against the CPU states: is each step that it shows allowed?

Each line that says something about a CPU (Linux's own and the guest's) moves that CPU in a
model whose only moves are those of `contract.transitions`; the pen's logbook, wherever the
guest printed it, must then say the same: state, released and returned of every CPU. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from roundpen.contract.layout import CpuState, Offer
from roundpen.contract.transitions import way
from roundpen.errors import UserError
from roundpen.lab.events import Event, unproven
from roundpen.lab.roundtrip import expand, region
from roundpen.logbook.parse import CpuEntry, parse

_KERNEL_STARTS = re.compile(r"\] (?:Booting Linux on physical CPU|Machine model:)")
_ALL_UP = re.compile(r"\] smp: Brought up \d+ nodes?, (\d+) CPUs?")
_BOOTED = re.compile(r"\] CPU(\d+): Booted secondary processor 0x([0-9a-f]+)")
_KILLED = re.compile(r"\] psci: CPU(\d+) killed")


@dataclass(frozen=True)
class Violation:
    """A step that the states do not allow. `line`: in the transcript, from 1."""

    line: int
    cpu: int | None
    text: str

    def __str__(self) -> str:
        """For people."""
        about = "" if self.cpu is None else f"CPU {self.cpu}: "
        return f"line {self.line}: {about}{self.text}"


@dataclass(frozen=True)
class Replay:
    """What came of it. `observed`: state changes that lines showed; `inferred`: those that had
    to lie between two lines; `compared`: CPUs held against a logbook.
    """

    offer: Offer
    cpus: int
    kernels: int
    observed: int
    inferred: int
    compared: int
    violations: tuple[Violation, ...]

    @property
    def allowed(self) -> bool:
        """Whether all of it is allowed, and there was something to see."""
        return not self.violations and self.observed > 0 and self.compared > 0


@dataclass
class _Cpu:
    """One CPU of the model. `gone`: how often it left this kernel since it was last asked about."""

    state: CpuState = CpuState.ABSENT
    released: int = 0
    returned: int = 0
    gone: int = 0
    mpidr: int | None = None
    event_at: int = 0


def replay(lines: Iterable[str], name: str) -> Replay:
    """Replay a transcript; `name` is for messages.

    Raises UserError when it shows no run under the pen.
    """
    kept = list(lines)
    events = [unproven(line) for line in kept]
    offers = [event.value("roundpen,offer") for event in events if event and event.name == "chosen"]
    known = [Offer[offer.upper()] for offer in offers if offer.upper() in Offer.__members__]
    possible = [
        expand(event.value("possible")) for event in events if event and event.name == "kernel"
    ]
    if not known or not possible:
        raise UserError(
            f"{name}: shows no run under the pen: no event 'chosen' with its offer, or no event "
            "'kernel' with its CPUs",
            remedy="give the transcript of a `roundpen lab run --wrap psci --transcript FILE`",
        )
    model = _Model(known[0], len(possible[0]))
    for number, (line, event) in enumerate(zip(kept, events, strict=True), 1):
        model.line = number
        if event is not None:
            model.event(event)
        else:
            model.console(line)
    model.finish()
    return Replay(
        known[0], len(possible[0]), model.kernels, model.observed, model.inferred,
        model.compared, tuple(model.violations),
    )  # fmt: skip


class _Model:
    """All CPUs, and what the kernel of the moment is at."""

    def __init__(self, offer: Offer, cpus: int) -> None:
        self.offer, self.count = offer, cpus
        self.line = 0
        self.kernels = self.observed = self.inferred = self.compared = 0
        self.violations: list[Violation] = []
        self.cpus: list[_Cpu] = []
        self.starting = False
        self.leave_allowed = True
        self.booted_seen = False
        self.logbook: list[Event] = []
        psci = offer is Offer.PSCI
        self._in = (CpuState.OFF_PENDING, CpuState.OFF) if psci else (CpuState.OFF,)
        self._out = (CpuState.ON_PENDING, CpuState.ON) if psci else (CpuState.ON,)

    # --- moves ---------------------------------------------------------------------------

    def wrong(self, cpu: int | None, text: str) -> None:
        self.violations.append(Violation(self.line, cpu, text))

    def move(self, number: int, states: Sequence[CpuState], *, seen: bool = True) -> None:
        """Take a CPU through `states`, each by a step that the table has."""
        cpu = self.cpus[number]
        for state in states:
            step = way(cpu.state, state, self.offer)
            if step is None:
                self.wrong(number, f"goes from {cpu.state.name} to {state.name}")
            if state is CpuState.ON:
                cpu.released += 1
            if state is CpuState.OFF and cpu.state is not CpuState.ABSENT:
                cpu.returned += 1
                cpu.gone += 1
            cpu.state = state
            self.observed += seen
            self.inferred += not seen

    def known(self, text: str) -> int | None:
        """The number of a CPU in a line."""
        number = int(text)
        if self.cpus and number < len(self.cpus):
            return number
        self.wrong(None, f"speaks of CPU {number}; the machine has {self.count}, or none yet")
        return None

    # --- Linux's own lines ---------------------------------------------------------------

    def console(self, line: str) -> None:
        if _KERNEL_STARTS.search(line):
            self._kernel_starts()
            return
        for pattern, act in (
            (_BOOTED, self._booted), (_KILLED, self._killed), (_ALL_UP, self._all_up),
        ):  # fmt: skip
            match = pattern.search(line)
            if match:
                act(match)

    def _kernel_starts(self) -> None:
        if self.starting:
            return
        self.starting, self.booted_seen = True, False
        self.kernels += 1
        if not self.cpus:
            self._fresh()
            return
        if not self.leave_allowed:
            self.wrong(None, "a kernel starts, and the one before did not jump")
        self.leave_allowed = False
        for number, cpu in enumerate(self.cpus):
            cpu.gone = 0
            if number and cpu.state is CpuState.ON and self.offer is Offer.RETURN:
                self.move(number, self._in, seen=False)
            elif number and cpu.state is not CpuState.OFF:
                self.wrong(number, f"is {cpu.state.name} while the next kernel starts")

    def _fresh(self) -> None:
        """The firmware has started the pen: the secondaries are gathered, the boot CPU goes on."""
        self.cpus = [_Cpu() for _ in range(self.count)]
        self.leave_allowed = False
        for number in range(1, self.count):
            self.move(number, (CpuState.OFF,), seen=False)
        self.move(0, self._out)

    def _booted(self, match: re.Match[str]) -> None:
        number = self.known(match[1])
        if number is None:
            return
        self.booted_seen = True
        cpu = self.cpus[number]
        mpidr = int(match[2], 16)
        if cpu.mpidr not in (None, mpidr):
            self.wrong(number, f"has MPIDR {mpidr:#x}, had {cpu.mpidr:#x}")
        cpu.mpidr = mpidr
        if cpu.state is CpuState.ON and self.offer is Offer.RETURN:
            # This offer's kernel says nothing when a CPU has gone.
            self.move(number, self._in, seen=False)
        self.move(number, self._out)

    def _killed(self, match: re.Match[str]) -> None:
        number = self.known(match[1])
        if number is not None:
            self.move(number, self._in)

    def _all_up(self, match: re.Match[str]) -> None:
        self.starting = False
        if not self.booted_seen:
            for number in range(1, min(int(match[1]), len(self.cpus))):
                self.move(number, self._out, seen=False)
        on = sum(cpu.state is CpuState.ON for cpu in self.cpus)
        if on != int(match[1]):
            self.wrong(None, f"{match[1]} CPUs are up, {on} were released")

    # --- the guest's events --------------------------------------------------------------

    def event(self, event: Event) -> None:
        if event.name != "logbook":
            self._compare()
        if not self.cpus:
            self.wrong(None, f"the event {event.name} comes before any kernel")
            return
        acts: dict[str, Callable[[Event], None]] = {
            "kernel": self._online,
            "work": self._worked,
            "hotplug": self._hotplugged,
            "logbook-base": self.logbook.append,
            "logbook": self.logbook.append,
            "kexec-jump": self._jumps,
            "end": self._ends,
        }
        act = acts.get(event.name)
        if act:
            act(event)

    def _online(self, event: Event) -> None:
        online = expand(event.value("online"))
        on = {number for number, cpu in enumerate(self.cpus) if cpu.state is CpuState.ON}
        for number in sorted(online ^ on):
            there = "online" if number in online else "not online"
            state = self.cpus[number].state.name if number < self.count else "no CPU"
            self.wrong(number, f"is {there} while {state}")

    def _worked(self, event: Event) -> None:
        number = self.known(event.value("ran") or "0")
        if number is None:
            return
        if self.cpus[number].state is not CpuState.ON:
            self.wrong(number, f"works while {self.cpus[number].state.name}")

    def _hotplugged(self, event: Event) -> None:
        number = self.known(event.value("cpu") or "0")
        if number is None:
            return
        cpu, done = self.cpus[number], event.number("done") or 0
        if cpu.state is CpuState.OFF and not self.booted_seen:
            self.move(number, self._out, seen=False)
        if cpu.gone > done:
            self.wrong(number, f"left {cpu.gone} times in {done} hotplug cycles")
        while cpu.gone < done and (self.offer is Offer.RETURN or not self.booted_seen):
            self.move(number, (*self._in, *self._out), seen=False)
        if cpu.gone < done:
            self.wrong(number, f"left {cpu.gone} times in {done} hotplug cycles")
        if cpu.state is not CpuState.ON:
            self.wrong(number, f"is {cpu.state.name} after {done} hotplug cycles")
        cpu.gone = 0

    def _jumps(self, event: Event) -> None:
        self.leave_allowed = True

    def _ends(self, event: Event) -> None:
        if event.value("how") == "reboot":
            # What follows is another life of the machine.
            self.cpus = []
            self.leave_allowed = True

    # --- the pen's own account -----------------------------------------------------------

    def _compare(self) -> None:
        pieces, self.logbook = self.logbook, []
        if not any(piece.name == "logbook" for piece in pieces):
            return
        try:
            found = region(pieces)
            if found is None:
                raise UserError("logbook: the event logbook-base is missing")
            book = parse(found[1], base=found[0])
        except UserError as error:
            self.wrong(None, str(error))
            return
        if book.offer is not self.offer:
            self.wrong(None, f"the logbook's offer is {book.offer.name}")
        if len(book.cpus) != self.count:
            self.wrong(None, f"the logbook has {len(book.cpus)} CPUs, expected {self.count}")
        for number, (cpu, entry) in enumerate(zip(self.cpus, book.cpus, strict=False)):
            self._held_against(number, cpu, entry)

    def _held_against(self, number: int, cpu: _Cpu, entry: CpuEntry) -> None:
        self.compared += 1
        ours = (cpu.state, cpu.released, cpu.returned)
        theirs = (entry.state, entry.released, entry.returned)
        if ours != theirs:
            self.wrong(number, f"the logbook has {_shown(*theirs)}, expected {_shown(*ours)}")
        if entry.event_at < cpu.event_at:
            self.wrong(number, "the logbook's last event is older than it was")
        if cpu.mpidr not in (None, entry.mpidr):
            self.wrong(number, f"the logbook has MPIDR {entry.mpidr:#x}, Linux {cpu.mpidr:#x}")
        # From here on by the pen's account: one difference is one violation.
        cpu.state, cpu.released, cpu.returned = theirs
        cpu.event_at = entry.event_at

    def finish(self) -> None:
        self._compare()


def _shown(state: CpuState, released: int, returned: int) -> str:
    return f"{state.name}, released {released}, returned {returned}"

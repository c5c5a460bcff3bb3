# SPDX-License-Identifier: BSD-2-Clause
"""Events of a run -> where every CPU was, and a verdict. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from roundpen.contract import layout
from roundpen.contract.layout import CpuState
from roundpen.errors import UserError
from roundpen.lab import late, trials
from roundpen.lab.course import STUCK, Leaving, Stage, counts, stages
from roundpen.lab.events import Event, work_digest
from roundpen.lab.scenario import Ending, Scenario
from roundpen.logbook.parse import CpuEntry, Logbook, parse


@dataclass(frozen=True)
class CpuAccount:
    """One CPU under one kernel."""

    cpu: int
    online: bool
    """Whether the kernel had it when its /init started."""
    worked: tuple[str, ...]
    """Labels of the pieces of work that it did, pinned, with the right result."""
    worked_at: float | None
    """Guest seconds of the last of them."""
    cycles: int | None
    """Hotplug cycles done; None where none were asked for."""
    entry: CpuEntry | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class RoundTrip:
    """One kernel of the chain: 0 is the one that the firmware started.

    `load`: what an attempt to load the next kernel came to: "", "loaded", or the refusal.
    `reached_at`: wall seconds since the start of the machine until its /init ran.
    `module`: what it says; None where it was not loaded.
    `took`: wall seconds from the jump to this kernel's /init; for 0 the same as reached_at.
    """

    generation: int
    release: str
    level: str
    offer: str
    stepped_aside: str
    reached_at: float
    took: float
    cpus: tuple[CpuAccount, ...]
    load: str
    stuck: dict[int, str]
    """CPUs that the kernel says can't leave it, and why."""
    logbook: Logbook | None
    module: late.Module | None
    problems: tuple[str, ...]

    @property
    def accounted(self) -> int:
        """CPUs with nothing against them."""
        return sum(not account.problems for account in self.cpus)


@dataclass(frozen=True)
class Verdict:
    """The whole run. It passed when nothing is missing and nothing is too much."""

    trips: tuple[RoundTrip, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether all is accounted for."""
        return not self.problems and not any(
            trip.problems or any(account.problems for account in trip.cpus) for trip in self.trips
        )

    def all_problems(self) -> list[str]:
        """Everything that is wrong, with its place."""
        found = list(self.problems)
        for trip in self.trips:
            found += [f"kernel {trip.generation}: {problem}" for problem in trip.problems]
            for account in trip.cpus:
                found += [
                    f"kernel {trip.generation}, CPU {account.cpu}: {problem}"
                    for problem in account.problems
                ]
        return found


def judge(events: Sequence[Event], scenario: Scenario, cpus: int, nonce: str) -> Verdict:
    """What `events` prove about a machine with `cpus` CPUs."""
    first, again = split_at_reboot(events)
    course = stages(scenario, cpus)
    trips = []
    for stage in course:
        of_this = [event for event in first if event.generation == stage.generation]
        before = [event for event in first if event.generation == stage.generation - 1]
        if of_this:
            trips.append(_Judge(of_this, before, scenario, course, stage, nonce).trip())
    problems = [*_missing(trips, course), *_too_much(first, course)]
    problems += late.check_regions([trip.module for trip in trips if trip.module])
    if scenario.ending is Ending.REBOOT and not again:
        problems.append("reboot: the firmware did not start the kernel again")
    return Verdict(tuple(trips), tuple(problems))


def split_at_reboot(events: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """Events up to, and from, the second start of the first kernel."""
    starts = [
        at for at, event in enumerate(events) if event.name == "start" and event.generation == 0
    ]
    cut = starts[1] if len(starts) > 1 else len(events)
    return list(events[:cut]), list(events[cut:])


def _missing(trips: Sequence[RoundTrip], course: Sequence[Stage]) -> Iterator[str]:
    seen = {trip.generation for trip in trips}
    for generation in range(len(course)):
        if generation not in seen:
            yield (
                f"kernel {generation}: its /init never reported"
                if generation
                else "the first kernel's /init never reported"
            )


def _too_much(events: Sequence[Event], course: Sequence[Stage]) -> Iterator[str]:
    for generation in sorted({event.generation for event in events} - set(range(len(course)))):
        yield f"kernel {generation} runs, expected {len(course) - 1} to be the last"


def region(events: Sequence[Event]) -> tuple[int, bytes] | None:
    """Base address and bytes of the reserved region, as far as the guest sent them.

    What it did not send reads as 0: it sends all that a logbook is read from. None without any.
    Raises UserError when a word is no number.
    """
    base: int | None = None
    data = bytearray(layout.RESERVED_SIZE)
    for event in events:
        if event.name == "logbook-base":
            base = event.number("base")
        elif event.name == "logbook":
            at = event.number("at") or 0
            for word in event.value("words").split(","):
                data[at : at + 8] = _word(word).to_bytes(8, "little")
                at += 8
    return None if base is None else (base, bytes(data[: layout.RESERVED_SIZE]))


def _word(text: str) -> int:
    if not re.fullmatch(r"0x[0-9A-Fa-f]{1,16}", text):
        raise UserError(f"logbook: the guest read {text[:40]!r}, expected a number of 64 bits")
    return int(text, 16)


_FAILURES = ("kexec-failed", "kexec-skipped", "crash-failed", "crash-skipped", "unknown-step")


class _Judge:
    """The events of one kernel against what was asked of it."""

    def __init__(
        self,
        events: Sequence[Event],
        before: Sequence[Event],
        scenario: Scenario,
        course: tuple[Stage, ...],
        stage: Stage,
        nonce: str,
    ) -> None:
        self.events = events
        self.before = before
        self.scenario = scenario
        self.course = course
        self.stage = stage
        self.count = len(stage.numbers)
        self.nonce = nonce
        self.generation = stage.generation
        self.problems: list[str] = []

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def first(self, name: str) -> Event | None:
        return next(iter(self.named(name)), None)

    def trip(self) -> RoundTrip:
        kernel, start = self.first("kernel"), self.events[0]
        book = self._logbook()
        offer, aside = self._chosen("offer"), self._chosen("refused")
        load = self._load()
        self._check_chosen(offer, aside, book)
        self._check_whole(kernel)
        stuck = trials.stuck(self.events)
        self.problems += trials.check_stuck(stuck, self.stage)
        self.problems += trials.check_kvm(self.events, self.scenario, self.nonce)
        said = self.first("level")
        level = said.text.removeprefix("started at ") if said else ""
        self.problems += late.check(self.events, self.stage, self.scenario.expects, level)
        left = (Leaving.JUMP.value, Leaving.CRASH.value)
        jumps = [event.wall_time for event in self.before if event.name in left]
        return RoundTrip(
            generation=self.generation,
            release=kernel.value("release") if kernel else "",
            level=level,
            offer=offer,
            stepped_aside=aside,
            reached_at=start.wall_time,
            took=start.wall_time - (jumps[-1] if jumps else 0.0),
            cpus=tuple(self._account(cpu, kernel, book) for cpu in range(self.count)),
            load=load,
            stuck=stuck,
            logbook=book,
            module=late.module(self.events),
            problems=tuple(self.problems),
        )

    def _chosen(self, which: str) -> str:
        found = [e.rest(f"roundpen,{which}") for e in self.named("chosen")]
        return next((text for text in found if text), "")

    def _check_chosen(self, offer: str, aside: str, book: Logbook | None) -> None:
        wanted = self.scenario.expects
        told = wanted.offer_to(self.generation)
        if offer != told:
            self.problems.append(
                f"the tree's offer is {offer or 'none'}, expected {told or 'none'}"
                + (f"; the pen stepped aside: {aside}" if aside else "")
            )
        if wanted.stepped_aside and wanted.stepped_aside not in aside:
            self.problems.append(
                f"the pen gave {aside or 'no reason'} for stepping aside, "
                f"expected {wanted.stepped_aside}"
            )
        if wanted.live_pen and self.generation and wanted.live_pen not in aside:
            self.problems.append(
                f"the wrapped kernel gave {aside or 'no reason'}, expected {wanted.live_pen}"
            )
        if (wanted.offer or wanted.stepped_aside) and book is None:
            self.problems.append("no readable logbook")
        elif wanted.live_pen and book and book.stepped_aside != self.generation:
            self.problems.append(
                f"the logbook counts {book.stepped_aside} wrapped kernels that left everything "
                f"to the pen, expected {self.generation}"
            )

    def _check_whole(self, kernel: Event | None) -> None:
        numbers = [event.sequence for event in self.events]
        lost = sorted(set(range(max(numbers) + 1)) - set(numbers))
        if lost:
            self.problems.append(f"events {', '.join(map(str, lost))} did not reach the console")
        closing = self.stage.leaving.value
        if self.first(closing) is None:
            self.problems.append(f"the event {closing} is missing")
        if kernel is None:
            self.problems.append("the kernel's report is missing")
        elif expand(kernel.value("possible")) != set(range(self.count)):
            self.problems.append(
                f"possible CPUs {kernel.value('possible')}, expected 0-{self.count - 1}"
            )
        for event in self.events:
            if event.name == "module" and event.value("status") != "0":
                self.problems.append(f"module {event.value('name')}: {event.rest('said')}")
            elif event.name == "run" and event.value("status") != "0":
                self.problems.append(f"step: {event.text}")
            elif event.name in _FAILURES:
                self.problems.append(f"{event.name}: {event.text}")

    def _load(self) -> str:
        event = self.first("kexec-load")
        wanted = self.stage.leaving is not Leaving.END or self.stage.refused
        if event is None:
            if wanted:
                self.problems.append("never came to load the next kernel")
            return ""
        if event.value("status") == "0":
            if self.stage.refused:
                self.problems.append("kexec was accepted, expected a refusal")
            return "loaded"
        refusal = event.rest("kernel") or event.rest("said")
        if not self.stage.refused:
            self.problems.append(f"kexec was refused: {event.text}")
        elif STUCK not in refusal:
            self.problems.append(f"kexec failed, but not for the stuck CPUs: {event.text}")
        return refusal

    def _logbook(self) -> Logbook | None:
        try:
            found = region(self.events)
            return parse(found[1], base=found[0]) if found else None
        except UserError as error:
            self.problems.append(str(error))
            return None

    def _account(self, cpu: int, kernel: Event | None, book: Logbook | None) -> CpuAccount:
        problems: list[str] = []
        online = kernel is not None and cpu in expand(kernel.value("online"))
        if online != (cpu in self.stage.online):
            problems.append("online, expected it not to be" if online else "not online")
        worked = tuple(self._worked(cpu, problems))
        cycles = self._hotplugged(cpu, problems)
        number = self.stage.numbers[cpu]
        entry = book.cpus[number] if book and number < len(book.cpus) else None
        if entry is not None and self.scenario.expects.offer:
            problems += self._recorded(cpu, entry)
        elif book is not None and self.scenario.expects.offer:
            problems.append("not in the logbook")
        times = [event.guest_time for event in self.named("work") if event.number("cpu") == cpu]
        at = max(times) if worked and times else None
        return CpuAccount(cpu, online, worked, at, cycles, entry, tuple(problems))

    def _worked(self, cpu: int, problems: list[str]) -> Iterator[str]:
        done = [e for e in self.named("work") if e.number("cpu") == cpu]
        for label in self.scenario.labels():
            event = next((e for e in done if e.value("label") == label), None)
            wanted = work_digest(self.nonce, self.generation, label, cpu)
            first = label == "first"
            has = self.stage.online if first else self.stage.all_online
            if cpu not in has or (cpu in self.stage.lost and not first):
                if event is not None:
                    problems.append(f"was at work ({label}), expected it to be gone")
            elif event is None:
                problems.append(f"did no work ({label})")
            elif event.number("ran") != cpu:
                problems.append(f"its work ({label}) ran on CPU {event.value('ran') or '?'}")
            elif event.value("digest") != wanted:
                problems.append(f"its work ({label}) came out wrong")
            else:
                yield label

    def _hotplugged(self, cpu: int, problems: list[str]) -> int | None:
        if cpu not in self.stage.unplugged:
            return None
        cycles = self.scenario.cycles
        event = next((e for e in self.named("hotplug") if e.number("cpu") == cpu), None)
        done = (event.number("done") if event else None) or 0
        why = event.rest("why") if event else "never tried"
        if cpu in self.stage.lost:
            if done or event is None:
                problems.append(f"{done} hotplug cycles, expected it not to come back")
        elif cpu in self.stage.stays:
            if done or event is None:
                problems.append("could be unplugged, expected a refusal")
        elif done != cycles:
            problems.append(f"{done} of {cycles} hotplug cycles: {why}")
        return done

    def _recorded(self, cpu: int, entry: CpuEntry) -> Iterator[str]:
        """The pen's own count against what the kernels asked for."""
        number = self.stage.numbers[cpu]
        wanted = counts(self.course, self.generation, number, self.scenario.cycles)
        # Also on: a CPU that never left the kernel that crashed.
        state = CpuState.ON if wanted[0] > wanted[1] else CpuState.OFF
        if entry.state is not state:
            yield f"the logbook has it as {entry.state.name.lower()}"
        if entry.trap_syndrome:
            yield f"exception inside the pen: syndrome {entry.trap_syndrome:#x}"
        if (entry.released, entry.returned) != wanted:
            yield (
                f"the logbook counts {entry.released} releases and {entry.returned} returns, "
                f"expected {wanted[0]} and {wanted[1]}"
            )


def expand(ranges: str) -> set[int]:
    """The kernel's list format, say "0-2,5", as a set; what can't be read counts as nothing."""
    found: set[int] = set()
    for part in ranges.split(","):
        low, _, high = part.partition("-")
        if low.isdecimal() and (high or low).isdecimal():
            found |= set(range(int(low), min(int(high or low), 4095) + 1))
    return found

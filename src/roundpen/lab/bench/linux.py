# SPDX-License-Identifier: BSD-2-Clause
"""Linux under the pen's offers, the late pen, and on QEMU's own PSCI: same run, in turns.

The same kernel, but for the late pen: it has the series everywhere else.

Time is the guest's, with every instruction taking one nanosecond (`-icount`). By the host's
clock the comparison would be one of emulation: QEMU's PSCI halts a CPU that is off, while one
parked in the pen polls, which costs the emulator host time that no hardware would spend.
"""

from __future__ import annotations

import re
import secrets
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib import resources
from pathlib import Path

from roundpen import cache, scratch
from roundpen.contract.layout import Offer
from roundpen.errors import MachineError
from roundpen.image.wrap import wrap_file
from roundpen.kernel import trimmed
from roundpen.lab import machines, qemu, run, session, vendor
from roundpen.lab.course import stages
from roundpen.lab.events import Event, parser
from roundpen.lab.firmware.build import PREFIX, compiler
from roundpen.lab.firmware.build import run as tool
from roundpen.lab.guest import root
from roundpen.lab.guest.root import Member
from roundpen.lab.qemu import Emulator
from roundpen.lab.roundtrip import Verdict, judge
from roundpen.lab.scenario import Expectation, Late, Scenario, expected
from roundpen.lab.steps import steps

PEN = "virt-unique-el2-gicv3-4-a72"
YARDSTICK = "psci-gicv3-4-a72"
"""The same CPUs, memory and interrupt controller; who answers the PSCI calls differs."""
CYCLES = 10
"""Hotplug cycles per CPU and kernel."""
KEXECS = 2
ICOUNT = "shift=0,sleep=off"
"""1 instruction = 2**0 ns; idle time passes at once."""
COMMAND_LINE = "console=ttyAMA0 rcupdate.rcu_expedited=1"
"""Else a hotplug cycle is mostly waiting for RCU, in steps of the tick: 24, 28, 32 ms, by where in
a tick it begins. Each way falls into a rhythm of its own, and a ratio of means over 81 cycles was
seen at 0.96 and at 1.09. Expedited, a cycle takes 0.6 ms each way: what is compared counts."""
COUNTER = 62_500_000
"""Hz. The generic timer of a cortex-a72 in every version of QEMU; the ratios don't need it."""
_TICKS = "lib/ticks"
_BOOTED = re.compile(r"\[\s*(\d+\.\d+)\] CPU(\d+): Booted secondary processor ")
"""secondary_start_kernel() in arch/arm64/kernel/smp.c of Linux, the same for every way there."""
_TIMEOUT = 300.0


class Way(Enum):
    """How a kernel starts and stops its CPUs: for the reader, on which machine, behind what."""

    PSCI = ("offer psci", PEN, Offer.PSCI)
    RETURN = ("offer return", PEN, Offer.RETURN)
    LATE = ("late pen", PEN, None)
    QEMU = ("QEMU's PSCI", YARDSTICK, None)

    def __init__(self, words: str, machine: str, offer: Offer | None) -> None:
        """Give the three parts their names."""
        self.words = words
        self.machine = machine
        self.offer = offer

    @property
    def kernel(self) -> str:
        """The flavour: the module is for a kernel without the series, else the same."""
        return "lab-plain" if self is Way.LATE else trimmed.BASE

    @property
    def late(self) -> Late | None:
        """The module's part of the scenario, where it is what sends CPUs home."""
        return Late() if self is Way.LATE else None

    @property
    def expects(self) -> Expectation:
        """What a run must show."""
        if self is Way.LATE:
            return expected(machines.machine(self.machine), None, late=True)
        return Expectation(offer=self.offer.name.lower() if self.offer else "")


@dataclass
class Samples:
    """Guest seconds."""

    hotplug: list[float] = field(default_factory=list)
    """Per cycle (offline and online again)."""
    kexec: list[float] = field(default_factory=list)
    """From `kexec -e` to the next kernel's /init."""
    load: list[float] = field(default_factory=list)
    """Of the module, and of its tree over /sys/firmware/fdt."""
    added: list[float] = field(default_factory=list)
    """From the pen's entry to the kernel's, by the logbook."""
    to_init: list[float] = field(default_factory=list)
    """From the first kernel's start to its /init."""

    def extend(self, other: Samples) -> None:
        """Take over the samples of one more run."""
        self.hotplug += other.hotplug
        self.kexec += other.kexec
        self.load += other.load
        self.added += other.added
        self.to_init += other.to_init


@dataclass(frozen=True)
class Comparison:
    """All runs of all ways so far."""

    samples: Mapping[Way, Samples]
    runs: int

    def hotplug_ratio(self, ours: Way, other: Way) -> float:
        """Mean hotplug cycle of one way, by that of the other."""
        return _ratio(self.samples[ours].hotplug, self.samples[other].hotplug)

    def kexec_ratio(self, ours: Way, other: Way) -> float:
        """Mean kexec round trip of one way, by that of the other."""
        return _ratio(self.samples[ours].kexec, self.samples[other].kexec)


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Of means: a median jumps when what takes one of a few values shifts between two of them."""
    return statistics.fmean(mine) / statistics.fmean(theirs)


def compare(runs: int, emulator: Emulator) -> Iterator[Comparison]:
    """Do `runs` runs of each way in turns; gives what there is after each turn.

    Raises MachineError when a run does not pass: a figure from it would be worth nothing.
    """
    images = {way: trimmed.build(way.kernel).image for way in Way}
    samples = {way: Samples() for way in Way}
    for number in range(runs):
        for way in Way:
            samples[way].extend(_run(way, images[way], emulator))
        yield Comparison(samples, number + 1)


def guest_steps(scenario: Scenario, cpus: int) -> list[str]:
    """The scenario's lines, with a look at the counter at both ends of each kexec, and of each
    load of the module. Pure."""
    lines = []
    for generation in range(len(stages(scenario, cpus))):
        if generation:
            lines.append(f"{generation} run /{_TICKS}")
        for line in steps(scenario, cpus):
            if line == f"{generation} jump":
                lines.append(f"{generation} run /{_TICKS}")
            loads = line == f"{generation} late"
            if line.startswith(f"{generation} "):
                lines += [f"{generation} run /{_TICKS}", line] if loads else [line]
            if loads:
                lines.append(f"{generation} run /{_TICKS}")
    return lines


def cycle_times(lines: Iterable[str]) -> Iterator[float]:
    """Guest seconds of each hotplug cycle: from one arrival of a CPU to its next. Pure."""
    before: tuple[str, float] | None = None
    for line in lines:
        found = _BOOTED.match(line)
        if not found:
            continue
        at = float(found[1])
        if before is not None and before[0] == found[2] and at > before[1]:
            yield at - before[1]
        before = found[2], at


def spans(events: Sequence[Event], frequency: int) -> list[float]:
    """Guest seconds between the two counter readings of each pair. Pure."""
    ticks = [int(event.value("said"), 16) for event in events if event.name == "run"]
    return [(ticks[at + 1] - ticks[at]) / frequency for at in range(0, len(ticks) - 1, 2)]


def _run(way: Way, image: Path, emulator: Emulator) -> Samples:
    scenario = Scenario(kexecs=KEXECS, cycles=CYCLES, late=way.late, expects=way.expects)
    done = boot(way, image, emulator, scenario)
    return _samples(way, done.events, done.verdict, done.lines)


@dataclass(frozen=True)
class Boot:
    """One run that passed."""

    events: Sequence[Event]
    verdict: Verdict
    lines: Sequence[str]


def boot(
    way: Way,
    image: Path,
    emulator: Emulator,
    scenario: Scenario,
    *,
    prologue: Sequence[str] = (),
    more: Sequence[str] = (),
    watch: Callable[[Event], None] = lambda event: None,
) -> Boot:
    """Do one run by instruction count. `prologue`: steps for the guest in front of all others.

    `more`: further arguments for QEMU. `watch` gets each event as it comes. Raises MachineError
    when the run does not pass.
    """
    machine = machines.machine(way.machine)
    nonce = secrets.token_hex(16)
    events: list[Event] = []
    read = parser(nonce)

    def observe(line: str, seconds: float) -> bool:
        event = read(line, seconds)
        if event is not None:
            events.append(event)
            watch(event)
        return event is not None and event.name == "end"

    with scratch.folder("bench") as folder:
        initrd = folder / "initrd.cpio"
        steps_ = [*prologue, *guest_steps(scenario, machine.cpus)]
        job = session.Job(machine, session.Kernel(way.kernel, image), scenario)
        initrd.write_bytes(_guest(job, steps_, nonce))
        command = [*emulator.command, *_arguments(way, image, initrd, folder, emulator), *more]
        ended = run.run(command, observe, timeout=_TIMEOUT, folder=folder)
    verdict = judge(events, scenario, machine.cpus, nonce)
    if ended.stopped is not run.Stopped.DONE or not verdict.passed:
        problems = "; ".join(verdict.all_problems()[:3])
        raise MachineError(
            f"bench, {way.words}: {ended.stopped.value}: {problems or ended.fatal}; the last "
            f"lines: {' | '.join(ended.lines[-5:])}"
        )
    return Boot(events, verdict, ended.lines)


def _samples(way: Way, events: Sequence[Event], verdict: Verdict, lines: Sequence[str]) -> Samples:
    found = Samples(hotplug=list(cycle_times(lines)))
    found.kexec = spans(events, COUNTER)
    if way.late:
        # In each kernel first the module, then the jump.
        found.load, found.kexec = found.kexec[::2], found.kexec[1::2]
    first = verdict.trips[0]
    if first.logbook is not None and not way.late:
        added = first.logbook.seconds(first.logbook.handed_over_at)
        if added is None:
            raise MachineError("bench: the logbook has no time of the hand-over")
        found.added.append(added)
    found.to_init = [
        event.guest_time for event in events if event.name == "start" and not event.generation
    ]
    return found


def _guest(job: session.Job, lines: Sequence[str], nonce: str) -> bytes:
    """The lab's own guest, with a program that reads the counter and the steps that start it."""
    files = session.guest_files(job, nonce, job.kernel.image)
    files[_TICKS] = Member(_ticks(), executable=True)
    files["scenario"] = Member(("\n".join(lines) + "\n").encode())
    return root.archive(files)


def _ticks() -> bytes:
    source = resources.files(__package__).joinpath("ticks.S").read_bytes()

    def make(folder: Path) -> None:
        text = folder / "ticks.S"
        text.write_bytes(source)
        tool([f"{PREFIX}gcc", "-nostdlib", "-static", "-Wl,--build-id=none", str(text),
              "-o", str(folder / "ticks")])  # fmt: skip

    return (cache.entry("ticks", cache.digest(compiler(), source), make) / "ticks").read_bytes()


def _arguments(way: Way, image: Path, initrd: Path, folder: Path, emulator: Emulator) -> list[str]:
    machine = machines.machine(way.machine)
    if way is not Way.QEMU:
        wrapped = image
        if way.offer is not None:
            wrapped = folder / "Image.wrapped"
            wrap_file(image, wrapped, offer=way.offer)
        spec = vendor.VirtSpec(cpus=machine.cpus, cpu=machine.cpu, gic=3, memory_mib=machine.memory)
        made = vendor.arguments(spec, wrapped, initrd, COMMAND_LINE, folder, qemu=emulator.command)
    else:
        made = qemu.direct_arguments(machine, qemu.Guest(image, initrd, COMMAND_LINE))
    return [*made, *qemu.common_arguments(machine), "-icount", ICOUNT]

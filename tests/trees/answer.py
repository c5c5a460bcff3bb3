# SPDX-License-Identifier: BSD-2-Clause
"""What one boot session showed of how Linux takes a device tree. Values, and how they are read
from the guest's events and the kernel's log. Pure.

CPUs are named by the affinity that the hardware gave them (as the kernel's log prints it), not by
the kernel's numbers: the pen may take a CPU out of the tree, and then those that follow move up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from roundpen.lab.console import COMPLAINT, FATAL
from roundpen.lab.events import Event, work_digest
from roundpen.lab.roundtrip import expand

LOADED = "accepted"
_BOOT_CPU = re.compile(r"Booting Linux on physical CPU 0x([0-9a-f]+) ")
_SECONDARY = re.compile(r"CPU(\d+): Booted secondary processor 0x([0-9a-f]+) ")
_STAMP = re.compile(r"^\[ *\d+\.\d+\](?:\[[^]]*\])? ")
_TELLING = re.compile(
    r"psci: |SMP: |CPUs? started|enable-method|cpu-release-addr|boot CPU|reg prop"
    r"|CPU\d+: |[Cc]an't kexec|stuck in the kernel|kernel BUG|offline CPU|Number of cores"
)


@dataclass(frozen=True)
class Made:
    """One CPU that the kernel has a device for: its node, and whether it can be unplugged.

    A switch is there when the CPU's operations have a way to take it out (arch/arm64/kernel/
    setup.c, topology_init()): with the two methods of arm64, exactly when the method is psci.
    """

    node: str
    switch: bool


@dataclass(frozen=True)
class Tried:
    """An attempt to unplug a CPU and plug it in again. `done`: both worked."""

    done: bool
    why: str


@dataclass(frozen=True)
class Kernel:
    """One kernel as its guest and its log showed it.

    online: affinities of the CPUs that came to it. numbers: the same CPUs, by the kernel's own
    numbers. worked, still: those that did a piece of work at first, and after the attempts to
    unplug them. `said`: what its log says about CPUs, PSCI and kexec.
    """

    reached: bool = False
    level: str = ""
    possible: frozenset[int] = frozenset()
    present: frozenset[int] = frozenset()
    numbers: Mapping[int, int] = field(default_factory=dict)
    worked: frozenset[int] = frozenset()
    still: frozenset[int] = frozenset()
    made: Mapping[int, Made] = field(default_factory=dict)
    tried: Mapping[int, Tried] = field(default_factory=dict)
    offer: str = ""
    refused: str = ""
    died: str = ""
    complaints: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def online(self) -> frozenset[int]:
        """Affinities of the CPUs that came to it."""
        return frozenset(self.numbers.values())

    @property
    def psci(self) -> str:
        """The version of PSCI that it found; "" for none."""
        for line in self.said:
            found = re.search(r"psci: PSCIv(\d+\.\d+) detected", line)
            if found:
                return found[1]
            if "psci: Using PSCI v0.1 Function IDs" in line:
                return "0.1"
        return ""


@dataclass(frozen=True)
class Answer:
    """One session: the kernel, how it answered kexec, and the next kernel if it came to that.

    asked: by the kernel's number of the CPU on which `kexec -l` ran, LOADED or the refusal.
    jumped: a `kexec -e` was begun. `ended`: the session came to its end by itself.
    """

    first: Kernel = field(default_factory=Kernel)
    asked: Mapping[int, str] = field(default_factory=dict)
    jumped: bool = False
    second: Kernel = field(default_factory=Kernel)
    ended: bool = False

    @property
    def accepted(self) -> bool:
        """Was kexec accepted on any CPU that asked?"""
        return LOADED in self.asked.values()

    @property
    def arrived(self) -> bool:
        """Did the next kernel start, and live?"""
        return self.second.reached and not self.second.died


def answer(lines: Sequence[str], events: Sequence[Event], nonce: str, *, ended: bool) -> Answer:
    """The session whose console printed `lines`, with the events among them."""
    jump = next((event for event in events if event.name == "kexec-jump"), None)
    cut = _line_of(lines, jump) if jump else len(lines)
    return Answer(
        first=_kernel(lines[:cut], events, nonce, 0),
        asked=_asked(events),
        jumped=jump is not None,
        second=_kernel(lines[cut:], events, nonce, 1),
        ended=ended,
    )


def _line_of(lines: Sequence[str], event: Event) -> int:
    mark = f" {event.generation} {event.sequence} {event.name} "
    return next(at for at, line in enumerate(lines) if "roundpen " in line and mark in line)


def _asked(events: Sequence[Event]) -> dict[int, str]:
    found: dict[int, str] = {}
    cpu: int | None = None
    for event in events:
        if event.generation:
            continue
        if event.name == "kexec-asked":
            cpu = event.number("cpu")
        elif event.name == "kexec-load" and cpu is not None:
            refusal = event.rest("kernel") or event.text.partition("said=")[2]
            found[cpu] = LOADED if event.value("status") == "0" else refusal
    return found


def _kernel(lines: Sequence[str], events: Sequence[Event], nonce: str, generation: int) -> Kernel:
    mine = [event for event in events if event.generation == generation]
    report = next((event for event in mine if event.name == "kernel"), None)
    level = next((event for event in mine if event.name == "level"), None)
    numbers = _numbers(lines) if report else {}
    online = expand(report.value("online")) if report else set()
    return Kernel(
        reached=report is not None,
        level=level.text.removeprefix("started at ") if level else "",
        possible=frozenset(expand(report.value("possible")) if report else ()),
        present=frozenset(expand(report.value("present")) if report else ()),
        numbers={cpu: mpidr for cpu, mpidr in numbers.items() if cpu in online},
        worked=_worked(mine, numbers, nonce, generation, "first"),
        still=_worked(mine, numbers, nonce, generation, "after-hotplug"),
        made={cpu: Made(event.rest("node"), event.value("switch") == "yes")
              for cpu, event in _by_cpu(mine, "cpu")},
        tried={cpu: Tried(event.value("done") == event.value("cycles"), event.rest("why"))
               for cpu, event in _by_cpu(mine, "hotplug")},
        offer=_chosen(mine, "offer"),
        refused=_chosen(mine, "refused"),
        died=next((line.strip() for line in lines if FATAL.search(line)), ""),
        complaints=tuple(line.strip() for line in lines if COMPLAINT.search(line)),
        said=tuple(_said(lines)),
    )  # fmt: skip


def _by_cpu(events: Sequence[Event], name: str) -> Iterator[tuple[int, Event]]:
    for event in events:
        cpu = event.number("cpu") if event.name == name else None
        if cpu is not None:
            yield cpu, event


def _chosen(events: Sequence[Event], which: str) -> str:
    found = (event.rest(f"roundpen,{which}") for event in events if event.name == "chosen")
    return next(filter(None, found), "")


def _numbers(lines: Sequence[str]) -> dict[int, int]:
    """Number and affinity of each CPU that told the kernel that it is there."""
    found: dict[int, int] = {}
    for line in lines:
        boot, secondary = _BOOT_CPU.search(line), _SECONDARY.search(line)
        if boot:
            found[0] = int(boot[1], 16)
        elif secondary:
            found[int(secondary[1])] = int(secondary[2], 16)
    return found


def _worked(
    events: Sequence[Event], numbers: Mapping[int, int], nonce: str, generation: int, label: str
) -> frozenset[int]:
    return frozenset(
        numbers[cpu]
        for cpu, event in _by_cpu(events, "work")
        if cpu in numbers
        and event.value("label") == label
        and event.number("ran") == cpu
        and event.value("digest") == work_digest(nonce, generation, label, cpu)
    )


def _said(lines: Sequence[str]) -> list[str]:
    """The kernel's own lines on our subject, without the time in front of them."""
    found = []
    for line in lines:
        stamp = _STAMP.match(line)
        text = line[stamp.end() :].rstrip() if stamp else ""
        if _TELLING.search(text) and not text.startswith(("roundpen ", "Kernel command line:")):
            found.append(text)
    return found

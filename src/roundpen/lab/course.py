# SPDX-License-Identifier: BSD-2-Clause
"""Scenario and number of CPUs -> the kernels that must run, and each CPU's part in each. Pure.

The guest's steps are made from this and the verdict compares with it, so that what is asked and
what is expected can't part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from roundpen.lab.scenario import Scenario

STUCK = "CPUs are stuck in the kernel"
"""arch/arm64/kernel/machine_kexec.c, machine_kexec_prepare(), and machine_kexec()."""
CRASHED = "Kernel panic - not syncing: sysrq triggered crash"
"""drivers/tty/sysrq.c, sysrq_handle_crash()."""
STALE = " at arch/arm64/kernel/machine_kexec.c:"
"""Where machine_kexec() warns of CPUs that are still in the kernel that crashed."""
STOPPED = f"Kernel panic - not syncing: Can't kexec: {STUCK}"


class Leaving(Enum):
    """How a kernel comes to its end. The value: the last event that its guest reports."""

    END = "end"
    JUMP = "kexec-jump"
    CRASH = "crash"


@dataclass(frozen=True)
class Stage:
    """One kernel of the chain. CPUs by the numbers that this kernel gives them.

    numbers: the firmware's number of each CPU. online: CPUs that it has when its /init starts.
    unplugged: CPUs that are asked to go offline and come back. stays: CPUs that must refuse to,
    with words of the reason ("": any). lost: CPUs that go and can't be had again. refused: loading
    the next kernel must be refused. late: the module is loaded, behind the first work.
    refused_first: until then, loading must be refused. joined: CPUs that come with the module.
    panics: the jump must end in a panic, not the next kernel.
    sent_home: CPUs that return to firmware when the next kernel is started.
    """

    generation: int
    numbers: tuple[int, ...]
    online: frozenset[int]
    unplugged: tuple[int, ...]
    stays: dict[int, str]
    lost: dict[int, str]
    refused: bool
    late: bool
    refused_first: bool
    joined: frozenset[int]
    panics: bool
    leaving: Leaving
    sent_home: frozenset[int]

    @property
    def all_online(self) -> frozenset[int]:
        """CPUs that the kernel has when its hotplug begins."""
        return self.online | self.joined

    @property
    def stuck(self) -> dict[int, str]:
        """The CPUs that a refusal must name, with words of the reason.

        Not the one that would jump: CPU 0, or the first of those that are left without it.
        Empty: the kernel is one that gives no names.
        """
        jumper = min(self.online - set(self.lost))
        named = self.stays | self.lost
        return {cpu: why for cpu, why in named.items() if cpu != jumper and why}


def stages(scenario: Scenario, cpus: int) -> tuple[Stage, ...]:
    """The kernels that must run on a machine with `cpus` CPUs, in order."""
    found = [_stage(scenario, cpus, 0)]
    while found[-1].leaving is not Leaving.END and not found[-1].panics:
        found.append(_stage(scenario, cpus, len(found)))
    return tuple(found)


def _stage(scenario: Scenario, cpus: int, generation: int) -> Stage:
    wanted = scenario.expects
    crash = scenario.crash
    captures = crash is not None and generation > scenario.kexecs
    numbers = tuple(range(cpus))
    if crash is not None and captures:
        # Linux numbers the CPU that it starts on 0, then follows the tree.
        numbers = (crash.cpu, *(cpu for cpu in numbers if cpu != crash.cpu))
    online = _online(scenario, numbers, generation, captures=captures)
    stays = {cpu: wanted.stays.get(number, "") for cpu, number in enumerate(numbers)
             if wanted.refused or number in wanted.stays}  # fmt: skip
    late = scenario.late is not None and generation not in scenario.late.series
    joined = frozenset(range(cpus)) - online if late else frozenset[int]()
    unplugged = tuple(sorted((online | joined) - (set() if scenario.boot_cpu_too else {0})))
    mute = {numbers.index(number): why for number, why in wanted.silent.items()}
    lost = {cpu: why for cpu, why in mute.items() if scenario.cycles and cpu in unplugged}
    jumps = generation < scenario.kexecs
    refused = jumps and bool(set(stays) - {0} or lost)
    leaving = _leaving(scenario, generation, refused=refused)
    return Stage(
        generation=generation,
        numbers=numbers,
        online=online,
        unplugged=unplugged if scenario.cycles else (),
        stays=stays,
        lost=lost,
        refused=refused,
        late=late,
        refused_first=late
        and leaving is not Leaving.END
        and not (wanted.leaves and generation == 0),
        joined=joined,
        panics=jumps and not refused and bool(online & set(mute) - {0}),
        leaving=leaving,
        sent_home=_sent_home(scenario, online | joined, leaving),
    )


def _sent_home(scenario: Scenario, online: frozenset[int], leaving: Leaving) -> frozenset[int]:
    if leaving is Leaving.END:
        return frozenset()
    if leaving is Leaving.CRASH and scenario.crash is not None:
        return online - {scenario.crash.cpu, scenario.crash.spinning}
    return online - {0}


def _leaving(scenario: Scenario, generation: int, *, refused: bool) -> Leaving:
    if refused or generation > scenario.kexecs:
        return Leaving.END
    if generation < scenario.kexecs:
        return Leaving.JUMP
    return Leaving.CRASH if scenario.crash is not None else Leaving.END


def _online(
    scenario: Scenario, numbers: tuple[int, ...], generation: int, *, captures: bool
) -> frozenset[int]:
    crash = scenario.crash
    words = scenario.limit if generation == 0 else ""
    if crash is not None and captures:
        words = crash.append
    online = set(range(min(limit_of(words), len(numbers))))
    if crash is not None and captures:
        # A CPU that did not answer is still in the kernel that crashed.
        away = {crash.spinning, *scenario.expects.silent} - {crash.cpu}
        online -= {cpu for cpu, number in enumerate(numbers) if number in away}
    return frozenset(online)


def limit_of(words: str) -> int:
    """How many CPUs a kernel with these words on its command line brings up, at most."""
    if "nosmp" in words.split():
        return 1
    found = re.search(r"(?:^| )maxcpus=(\d+)(?: |$)", words)
    return max(1, int(found[1])) if found else 1 << 16


def counts(found: tuple[Stage, ...], generation: int, number: int, cycles: int) -> tuple[int, int]:
    """How often firmware's CPU `number` was released and has returned, by the end of a kernel.

    The first time that the boot CPU runs counts as a release.
    """
    released = returned = 0
    for stage in found[: generation + 1]:
        cpu = stage.numbers.index(number)
        times = cycles if cpu in stage.unplugged and cpu not in stage.stays else 0
        goes_on = cpu == 0 and stage.generation > 0
        if cpu in stage.all_online and not goes_on:
            released += 1
        released += times
        returned += times
        if stage.generation < generation and cpu in stage.sent_home:
            returned += 1
    return released, returned


@dataclass(frozen=True)
class Spoken:
    """Lines that must be seen and then are no complaint, by words that each contains.

    `last`: words of the fatal line that must end the run; "" where none must.
    """

    lines: tuple[str, ...] = ()
    last: str = ""


def spoken(scenario: Scenario, cpus: int) -> Spoken:
    """What the kernels of a run must say that would otherwise speak against them."""
    lines: list[str] = []
    last = ""
    found = stages(scenario, cpus)
    for stage in found:
        for cpu in stage.lost:
            lines += [f"CPU{cpu} may not have shut down cleanly", f"CPU{cpu}: failed to boot"]
        if stage.panics:
            mute = sorted(set(scenario.expects.silent) & (stage.online - {0}))
            lines += [f"CPU{cpu} may not have shut down cleanly" for cpu in mute]
            last = STOPPED
        if stage.leaving is Leaving.CRASH:
            lines.append(CRASHED)
            if scenario.expects.refused or (scenario.crash and scenario.crash.spinning is not None):
                lines.append(STALE)
            after = found[stage.generation + 1]
            if scenario.crash is not None and limit_of(scenario.crash.append) >= cpus:
                lines += [f"CPU{cpu}: failed to boot" for cpu in range(cpus)
                          if cpu not in after.online]  # fmt: skip
    return Spoken(tuple(lines), last)

# SPDX-License-Identifier: BSD-2-Clause
"""Rules about the running kernel's log: what its lines prove of CPUs and of PSCI."""

from __future__ import annotations

import re
from collections.abc import Iterator

from roundpen.check.bearing import PENS, closes, spares, unsettles
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.rulebook.words import STAY_BEHIND

_STUCK = re.compile(
    r"CPUs are stuck in the kernel|cannot leave the kernel|cannot be returned to firmware"
    r"|Some CPUs may be stale|Failed to offline CPU"
)
_LOST = re.compile(
    r"failed to come online|failed in unknown state|is stuck in kernel|may not have shut down "
    r"cleanly|cpu didn't die|did not return to firmware"
)
_NO_PSCI = re.compile(r"psci: (failed to boot CPU\d+ \(-95\)|no cpu_on method)")
_DENIED = re.compile(r"psci: failed to boot CPU\d+ \((?!-95\))-?\d+\)")
_NO_BOOT_CPU = re.compile(r"missing boot CPU MPIDR")
_SHOWN = 160


@rule(
    "RP107",
    Severity.ERROR,
    "CPUs that the kernel's log calls stuck",
    why="The kernel itself says that CPUs can't leave it. kexec is refused.",
    do="The line names the cause; docs/messages.md explains it.",
    source="Linux, arch/arm64/kernel/machine_kexec.c; kernel/cpu.c",
    live=True,
    bears=(
        closes("psci", "firmware-return", because="the kernel says that CPUs can't leave it"),
        STAY_BEHIND,
        spares("late", *PENS, "nr-cpus"),
    ),
)
def stuck(case: Case) -> Iterator[Hit]:
    """A line of the log says so; the same line twice counts once."""
    yield from _said(case, _STUCK, "see docs/messages.md")


def _said(case: Case, pattern: re.Pattern[str], do: str) -> Iterator[Hit]:
    for line in dict.fromkeys(line for line in case.system.log if pattern.search(line)):
        yield Hit("/dev/kmsg", "", line[:_SHOWN], "no such line", do)


@rule(
    "RP116",
    Severity.ERROR,
    "a CPU that was lost",
    why="It was released and did not come, or left and was not seen to leave. Nobody knows what it "
    "executes: this kernel refuses kexec from then on, or overwrites it.",
    do="Boot again, by way of firmware or, on a Raspberry Pi 5, power. If it happens at each "
    "start, that CPU's firmware or its release address is wrong.",
    source="Linux 6.1, arch/arm64/kernel/smp.c: __cpu_up(); arch/arm64/kernel/psci.c: "
    "cpu_psci_cpu_kill()",
    live=True,
    bears=(
        closes("late", "psci", "firmware-return", because="the log says that a CPU was lost"),
        unsettles(*PENS, "nr-cpus", because="if the CPU that was lost comes at the next start"),
        STAY_BEHIND,
    ),
)
def lost(case: Case) -> Iterator[Hit]:
    """A line of the log says so."""
    yield from _said(case, _LOST, "boot again")


@rule(
    "RP117",
    Severity.ERROR,
    "PSCI that is not there",
    why="Whoever took the call for CPU_ON does not know it (NOT_SUPPORTED, -95): the tree promises "
    "PSCI that this firmware does not have. The other CPUs wait elsewhere, mostly in a spin-table "
    "that the tree does not name.",
    do="Use a loader that rewrites the tree (lk2nd on MSM8916), or another tree.",
    source="Linux 6.1, arch/arm64/kernel/psci.c: cpu_psci_cpu_boot(); "
    "drivers/firmware/psci/psci.c: psci_to_linux_errno()",
    live=True,
    bears=(
        closes("late", "psci", because="firmware does not know the call: there is no PSCI"),
        spares(*PENS, "firmware-return", "nr-cpus", "kdump"),
    ),
)
def no_psci(case: Case) -> Iterator[Hit]:
    """A line of the log says so."""
    yield from _said(case, _NO_PSCI, "use a tree that says how the CPUs are started")


@rule(
    "RP118",
    Severity.ERROR,
    "a boot CPU that the tree does not name",
    why="No CPU's reg is the MPIDR of the CPU that runs the kernel. Linux then starts no other "
    "CPU, and a pen steps aside (BOOT_CPU_UNKNOWN).",
    do="Correct reg of the CPU nodes: the affinity part of each CPU's MPIDR_EL1.",
    source="Linux, arch/arm64/kernel/smp.c: smp_init_cpus(), `missing boot CPU MPIDR`",
    live=True,
    bears=(
        closes(*PENS, because="the tree does not name the boot CPU (BOOT_CPU_UNKNOWN)"),
        closes(
            "late",
            "psci",
            "firmware-return",
            because="Linux starts no CPU: the tree lacks the boot CPU",
        ),
        spares("nr-cpus", "kdump"),
    ),
)
def no_boot_cpu(case: Case) -> Iterator[Hit]:
    """A line of the log says so."""
    yield from _said(case, _NO_BOOT_CPU, "correct reg of the CPU nodes")


@rule(
    "RP119",
    Severity.ERROR,
    "a CPU that PSCI did not start",
    why="Firmware knows the call and said no. -22 is ALREADY_ON or ON_PENDING too: a CPU that an "
    "earlier kernel took offline and that never came back, as on a Raspberry Pi 5; otherwise an id "
    "that firmware does not know. -1 is DENIED.",
    do="Cut the power and look whether the line comes back. If so, reg of the CPU's node is wrong.",
    source="Linux 6.1, drivers/firmware/psci/psci.c: psci_to_linux_errno(); raspberrypi/linux#7291",
    live=True,
    bears=(
        unsettles("psci", because="if the CPUs that firmware did not start are not needed"),
        closes("late", because="a CPU does not come up, and the module refuses then"),
        spares(*PENS, "firmware-return", "nr-cpus", "kdump"),
    ),
)
def denied(case: Case) -> Iterator[Hit]:
    """A line of the log says so."""
    yield from _said(case, _DENIED, "cut the power and look again")

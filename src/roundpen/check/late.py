# SPDX-License-Identifier: BSD-2-Clause
"""The judge of the way `late`: can a module give the running kernel the way out that it lacks?

What the module refuses by itself is said here before anybody loads it; module/README.md has its
words. A running kernel's configuration is looked up, never taken from a distribution's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from roundpen.check.bearing import Answer, State
from roundpen.check.facts import shows_psci
from roundpen.check.findings import Case
from roundpen.check.known import psci_fault
from roundpen.check.system import System

_OPEN, _DEPENDS, _CLOSED = State.OPEN, State.DEPENDS, State.CLOSED
NEEDS = {
    "MODULES": "no module can be loaded",
    "KPROBES": "there is no way to give it the pen",
}
"""Options without which there is no late pen, and why. HOTPLUG_CPU and kexec have rules."""
OLDEST = (5, 16)
"""Before it the next kernel's tree can't be checked: arm64 has no machine_kexec_post_load()."""
NOT_NEEDED = "not needed: nothing is known against this board's PSCI"


def late(case: Case, *, asked: bool = False) -> Iterator[Answer]:
    """A pen that the running kernel's module makes. `asked`: for this way, by name."""
    board, system = case
    if not board.secondaries or (system.live and system.possible == 1):
        yield Answer(_CLOSED, "not needed: one CPU only")
        return
    if board.pen_offer == "psci":
        yield Answer(_CLOSED, "not needed: a pen is at work and offers PSCI")
        return
    yield from _methods(case, asked)
    available = sum(cpu.status in (None, "ok", "okay") for cpu in board.cpus)
    if system.live and system.possible is not None and system.possible < available:
        yield Answer(_CLOSED, f"this kernel uses {system.possible} of {available} CPUs (nr_cpus=?)")
    yield from _running(system)
    if system.late_pen:
        yield Answer(_OPEN, f"the module has a pen ({system.late_pen})")
    elif not system.live:
        yield Answer(
            _DEPENDS,
            "if the kernel that runs has MODULES, KPROBES, HOTPLUG_CPU and kexec: the running "
            "system shows it",
        )
    yield Answer(_OPEN, "a module gives the running kernel the way out that it lacks")


def _methods(case: Case, asked: bool) -> Iterator[Answer]:
    """How the CPUs were started: by a spin-table, or by PSCI that loses them."""
    board, system = case
    methods = {cpu.method for cpu in board.secondaries}
    if "spin-table" in methods:
        if gives_back(case):
            yield Answer(_CLOSED, "not needed: this kernel gives its CPUs back by itself")
        return
    if "psci" not in methods:
        yield (
            Answer(_DEPENDS, "if the loader fills in the enable-methods")
            if None in methods and not system.live
            else Answer(_CLOSED, "no CPU is started from a spin-table")
        )
        return
    fault = psci_fault(board)
    if not asked and fault is None:
        yield Answer(_CLOSED, NOT_NEEDED)
    elif not asked and fault is not None and not fault.certain:
        yield Answer(_DEPENDS, "if this board is one of those whose PSCI loses CPUs")
    if system.live and system.offline:
        yield Answer(_CLOSED, "a CPU is off, and may be lost in the firmware")
    elif system.live and not shows_psci(system):
        yield Answer(_CLOSED, "this PSCI has not started a CPU")


def gives_back(case: Case) -> bool:
    """Does the running kernel know `cpu-return-addr` (the series)? Its switches show it.

    A stock kernel has no `online` in sysfs for a CPU of a spin-table; with the module's it has.
    """
    board, system = case
    return (
        system.live
        and not system.late_pen
        and bool(system.possible)
        and not system.cannot_offline
        and system.option("HOTPLUG_CPU") is True
        and bool(board.spinning)
        and all(cpu.returns_to is not None for cpu in board.spinning)
    )


def _running(system: System) -> Iterator[Answer]:
    if not system.live:
        return
    if system.modules_disabled:
        yield Answer(_CLOSED, "kernel.modules_disabled is set until the next boot")
    version = release(system.release)
    if version is not None and version < OLDEST:
        yield Answer(_CLOSED, "the module is for Linux 5.16 and newer")
    yield from _configuration(system)


def _configuration(system: System) -> Iterator[Answer]:
    if system.late_pen:
        return  # what loads it needs, it had
    for name, why in NEEDS.items():
        if system.option(name) is False:
            yield Answer(_CLOSED, f"this kernel has no CONFIG_{name}: {why}")
    if system.option("CPU_BIG_ENDIAN"):
        yield Answer(_CLOSED, "the module is for little-endian kernels")
    if system.option("KEXEC") is False and system.option("KRETPROBES") is False:
        yield Answer(_CLOSED, "this kernel has no CONFIG_KRETPROBES: the tree can't be edited")
    if system.config is None:
        yield Answer(
            _DEPENDS,
            "if this kernel has MODULES, KPROBES, HOTPLUG_CPU and kexec: its configuration can't "
            "be read",
        )
    if system.option("MODULE_SIG_FORCE") or system.lockdown in ("integrity", "confidentiality"):
        yield Answer(_DEPENDS, "if the module is signed with a key that this kernel trusts")


def release(text: str | None) -> tuple[int, int] | None:
    """The version in a release as "6.1.0-56-arm64"; None when it doesn't begin with one."""
    found = re.match(r"(\d{1,3})\.(\d{1,3})", text or "")
    return (int(found[1]), int(found[2])) if found else None

# SPDX-License-Identifier: BSD-2-Clause
"""Machine and guest -> QEMU's command line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roundpen.lab.machines import Family, Machine

SINGLE_THREAD_FROM = 8
"""CPUs. Spinning CPUs yield to each other on one thread; on more threads than the host has
cores they would burn the time that the working one needs."""


@dataclass(frozen=True)
class Guest:
    """What the machine boots. `tree` None: the machine brings its own."""

    image: Path
    initrd: Path
    command_line: str
    tree: Path | None = None


@dataclass(frozen=True)
class Emulator:
    """How to start QEMU: the program and what stands before its arguments."""

    command: tuple[str, ...]
    version: tuple[int, int]


def common_arguments(machine: Machine) -> list[str]:
    """No window, no network, no monitor; the console that the machine's kernel uses on stdout.

    `-nic none`, or the machine asks for option ROMs that Debian packs separately.
    """
    quiet = ["-display", "none", "-monitor", "none"]
    for _ in range(machine.serial):
        quiet += ["-serial", "null"]
    return [*quiet, "-serial", "stdio"]


def direct_arguments(machine: Machine, guest: Guest) -> list[str]:
    """Arguments of a machine that QEMU itself starts: the boards and the yardstick."""
    thread = "single" if machine.cpus >= SINGLE_THREAD_FROM else "multi"
    found = ["-machine", _board(machine), "-accel", f"tcg,thread={thread}", "-nic", "none"]
    if machine.cpu:
        found += ["-cpu", machine.cpu]
    if machine.family is Family.PSCI:
        found += ["-smp", str(machine.cpus), "-m", f"{machine.memory}M"]
    found += ["-kernel", str(guest.image), "-initrd", str(guest.initrd)]
    if guest.tree:
        found += ["-dtb", str(guest.tree)]
    return [*found, "-append", guest.command_line]


def _board(machine: Machine) -> str:
    if machine.family is not Family.PSCI:
        return machine.board
    options = [machine.board, f"gic-version={machine.gic}"]
    if machine.gic == 3:
        # Without EFI nothing carries the ITS's tables across kexec: they would be written
        # into the second kernel.
        options.append("its=off")
    if machine.entry_level == 2:
        options.append("virtualization=on")
    return ",".join(options)

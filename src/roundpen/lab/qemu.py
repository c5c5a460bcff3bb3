# SPDX-License-Identifier: BSD-2-Clause
"""Machine and guest -> QEMU's command line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from roundpen.lab.machines import Family, Machine, Thread

TRANSLATIONS = 32
"""MiB for translated code, about a kernel's worth. QEMU keeps the translations of a kernel that is
gone until their room is full, and takes its slow way for each write to a page that any were made
of (7.2, accel/tcg/translate-all.c, page_collection_lock()). So with the default room, 1 GiB, each
kernel of a chain was slower than the one before it: two kexecs on two CPUs took 29 s, with this
9 s."""


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
    """No window, no monitor; the console that the machine's kernel uses on stdout."""
    quiet = ["-display", "none", "-monitor", "none"]
    for _ in range(machine.serial):
        quiet += ["-serial", "null"]
    return [*quiet, "-serial", "stdio"]


def accelerator(thread: Thread) -> str:
    """The value of -accel."""
    return f"tcg,thread={thread},tb-size={TRANSLATIONS}"


def direct_arguments(machine: Machine, guest: Guest) -> list[str]:
    """Arguments of a machine that QEMU itself starts: the boards and the yardstick.

    `-nic none`, or the machine asks for option ROMs that Debian packs separately.
    """
    found = ["-machine", _board(machine), "-accel", accelerator(machine.thread), "-nic", "none"]
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

# SPDX-License-Identifier: BSD-2-Clause
"""A Raspberry Pi that starts Debian's own U-Boot, and what is typed at its prompt.

QEMU puts U-Boot where the board's firmware would. The files that U-Boot would load from a card lie
in memory already. The kernel is copied to where it is loaded by default, and started from there by
`booti`, as boot scripts and extlinux do it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from roundpen.check.known import KnownLoader, loaders
from roundpen.errors import MachineError
from roundpen.lab.machines import Machine
from roundpen.lab.qemu import Guest, accelerator
from roundpen.lab.run import Answer
from roundpen.packages.apt import fetch
from roundpen.packages.unpack import unpack

_WAITING_ROOM = 0x1000_0000
"""Where the kernel's file lies before it is copied; above U-Boot's early stack (128 MiB)."""


def _defaults() -> KnownLoader:
    """The row of the board that `raspi3b` is."""
    return next(row for row in loaders() if "brcm,bcm2837" in row.compatible)


@dataclass(frozen=True)
class UBoot:
    """Debian's U-Boot for 64-bit Raspberry Pis, of a suite, and where the tree is put.

    `kernel`, `tree`, `initrd`: physical addresses, U-Boot's defaults (check/loaders.toml) if not
    given.
    """

    suite: str
    kernel: int = field(default_factory=lambda: _defaults().kernel)
    tree: int = field(default_factory=lambda: _defaults().tree)
    initrd: int = field(default_factory=lambda: _defaults().initrd)

    def binary(self) -> Path:
        """The file that firmware loads. Raises MachineError when it can't be had."""
        root = unpack([fetch(self.suite, "arm64", "u-boot-rpi")], ("usr/lib/u-boot/rpi_arm64/*",))
        found = root / "usr/lib/u-boot/rpi_arm64/u-boot.bin"
        if not found.is_file():
            raise MachineError(f"u-boot-rpi of {self.suite}: has no rpi_arm64/u-boot.bin")
        return found

    def arguments(self, machine: Machine, guest: Guest) -> list[str]:
        """QEMU's arguments. Raises MachineError when U-Boot or the board's tree can't be had."""
        if guest.tree is None:
            raise MachineError(f"{machine.name}: U-Boot needs a tree, the machine has none")
        files = (
            (guest.image, _WAITING_ROOM),
            (guest.initrd, self.initrd),
            (guest.tree, self.tree),
        )
        found = ["-machine", machine.board, "-accel", accelerator(machine.thread), "-nic", "none"]
        found += ["-kernel", str(self.binary()), "-dtb", str(guest.tree)]
        for path, address in files:
            found += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        return found

    def answers(self, guest: Guest) -> tuple[Answer, ...]:
        """What somebody would type: copy the kernel, set its command line, start it."""
        kernel, initrd = guest.image.stat().st_size, guest.initrd.stat().st_size
        commands = (
            f"cp.b {_WAITING_ROOM:#x} {self.kernel:#x} {kernel:x}",
            f"setenv bootargs '{guest.command_line}'",
            f"booti {self.kernel:#x} {self.initrd:#x}:{initrd:x} {self.tree:#x}",
        )
        typed = (Answer(b"U-Boot> ", f"{command}\n".encode()) for command in commands)
        return (Answer(b"stop autoboot", b"\n"), *typed)

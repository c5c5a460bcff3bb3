# SPDX-License-Identifier: BSD-2-Clause
"""A machine with a whole Debian system on its disk, and somebody who types at its console."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from roundpen import scratch
from roundpen.kernel import debian as kernels
from roundpen.lab import emulator as emulators
from roundpen.lab import qemu, run, vendor
from roundpen.lab.guest import debian
from roundpen.lab.guest.debian import Disk
from roundpen.lab.machines import Family, Machine
from roundpen.lab.run import Answer, Transcript

SHELL = b":~# "
"""Root's prompt, as Debian's bash has it; no command's output looks like it."""
_TREES = "debian-6.12"
_PATIENCE = "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"
"""Seconds until the kernel thinks that a CPU hangs, twice as many for a soft lockup. On a host of
two cores with a load of 15 a compiler's page fault was seen to take 23 s."""
_log = logging.getLogger(__name__)


def login(user: str = "root", password: str = debian.PASSWORD) -> tuple[Answer, ...]:
    """What somebody types at a console that asks who he is."""
    return (
        Answer(b" login: ", f"{user}\n".encode()),
        Answer(b"Password: ", f"{password}\n".encode()),
    )


def typed(*commands: str) -> tuple[Answer, ...]:
    """Commands, each at the shell's next prompt."""
    return tuple(Answer(SHELL, f"{command}\n".encode()) for command in commands)


@dataclass(frozen=True)
class Visit:
    """One start of the system, until it switches itself off or `last` is on the console.

    `release`: the kernel that a loader takes; `files`: by their places on the disk, copied there
    first. What the visit writes is gone afterwards.
    """

    machine: Machine
    disk: Disk
    release: str
    answers: Sequence[Answer]
    last: str
    files: Mapping[str, Path] = field(default_factory=dict)
    timeout: float = 3600.0
    command_line: str = ""


def visit(what: Visit) -> Transcript:
    """Do it. Raises MachineError when the machine can't be started."""
    with scratch.folder("system") as folder:
        image = folder / "disk.img"
        debian.tool(["cp", "--sparse=always", "--reflink=auto", str(what.disk.image), str(image)])
        debian.put(image, what.files)
        command = _command(what, image, folder)
        _log.info("%s: starting Debian, kernel %s", what.machine.name, what.release)

        def observe(line: str, seconds: float) -> bool:
            _log.debug("[%6.1f] %s", seconds, line)
            return what.last in line

        return run.run(
            command, observe, timeout=what.timeout, folder=folder, answers=tuple(what.answers)
        )


def _command(what: Visit, image: Path, folder: Path) -> list[str]:
    machine = what.machine
    emulator = emulators.find(machine)
    kernel, initrd = what.disk.kernel(what.release), what.disk.initrd(what.release)
    console = machine.console or "ttyAMA0"
    more = (machine.command_line, what.command_line)
    parts = (f"console={console}", "root=LABEL=root ro", _PATIENCE, *more)
    words = " ".join(filter(None, parts))
    if machine.family is Family.BOARD:
        tree = kernels.kernel(_TREES).tree(machine.tree)
        guest = qemu.Guest(kernel, initrd, words, tree)
        made = qemu.direct_arguments(machine, guest)
        made += ["-drive", f"file={image},format=raw,if=sd,cache=unsafe"]
    else:
        spec = vendor.spec_of(machine)
        made = vendor.arguments(spec, kernel, initrd, words, folder, qemu=emulator.command)
        made += debian.drives([image])
    # Room for a system's programs. The CPUs take turns on one thread, as elsewhere in the lab: on
    # threads of their own a busy host starves one of them, and all stood still for minutes.
    made[made.index("-accel") + 1] = f"tcg,thread=single,tb-size={debian.ROOM}"
    return [*emulator.command, *made, *qemu.common_arguments(machine)]

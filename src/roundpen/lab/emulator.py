# SPDX-License-Identifier: BSD-2-Clause
"""Which QEMU to use: the host's, or for newer boards one from Debian, kept in the cache."""

from __future__ import annotations

import logging
import platform
import re
import shutil
import subprocess
from pathlib import Path

from roundpen.errors import MachineError, RefusedError
from roundpen.lab.machines import Machine
from roundpen.lab.qemu import Emulator
from roundpen.packages import foreign
from roundpen.packages.apt import closure
from roundpen.packages.unpack import unpack

PROGRAM = "qemu-system-aarch64"
SUITE = "trixie"
"""Has QEMU 10.0."""

_PATTERNS = (
    f"*bin/{PROGRAM}",
    "*lib/*.so*",
    "*lib64/*.so*",
    "usr/share/qemu/*",
    "usr/lib/*/qemu/*",
)
_log = logging.getLogger(__name__)


def find(machine: Machine) -> Emulator:
    """A QEMU that has `machine`.

    Raises MachineError when the host has none and Debian's can't be had or run either.
    """
    host = shutil.which(PROGRAM)
    if host:
        version = version_of(_output([host, "--version"]))
        if version[0] >= machine.least_qemu:
            return Emulator((host,), version)
        _log.info(
            "%s needs QEMU %d, the host has %d.%d: taking Debian's into the cache",
            machine.name,
            machine.least_qemu,
            *version,
        )
    emulator = from_debian()
    if emulator.version[0] < machine.least_qemu:
        raise RefusedError(
            f"{machine.name}: needs QEMU {machine.least_qemu}, Debian {SUITE} has "
            f"{emulator.version[0]}.{emulator.version[1]}"
        )
    return emulator


def from_debian() -> Emulator:
    """Debian's QEMU for this host, started through its own dynamic linker.

    The host is left as it is. Raises MachineError when it can't be had or does not start.
    """
    debs = closure(SUITE, foreign.host_architecture(), ["qemu-system-arm"])
    root = unpack(debs, _PATTERNS)
    command = loader_command(root, platform.machine())
    return Emulator(command, version_of(_output([*command, "--version"])))


def loader_command(root: Path, machine: str) -> tuple[str, ...]:
    """QEMU inside `root`, with the libraries from there and none of the host's."""
    linker = foreign.linker_command(root, machine)
    program = foreign.one(root, (f"bin/{PROGRAM}",))
    data = str(root / "usr/share/qemu")
    return (*linker, str(program), "-L", data)


def version_of(text: str) -> tuple[int, int]:
    """Major and minor number from what `--version` prints.

    Raises MachineError when there is none.
    """
    match = re.search(r"version (\d+)\.(\d+)", text)
    if match is None:
        raise MachineError(f"{PROGRAM} --version: says no version: {text.strip()[:200]!r}")
    return int(match[1]), int(match[2])


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(f"{command[0]}: cannot be run: {error}") from error
    if done.returncode != 0:
        raise MachineError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[:300]}")
    return done.stdout

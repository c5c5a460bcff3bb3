# SPDX-License-Identifier: BSD-2-Clause
"""What the caller wants, and the words in which a plan answers. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Way(Enum):
    """How the CPUs get out of the running kernel, best first."""

    LATE = "late"
    """By the module's pen."""
    PSCI = "psci"
    """By PSCI that the machine has: firmware's, or a pen's."""
    RETURN = "return"
    """By the running kernel itself, which knows `cpu-return-addr`."""
    NR_CPUS = "nr_cpus=1"
    """Not at all: the running kernel was started with one CPU, the others are in firmware."""


class SystemCall(Enum):
    """The one that loads."""

    LOAD = "kexec_load"
    FILE_LOAD = "kexec_file_load"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kernel to go into, and how."""

    kernel: Path
    initrd: Path | None = None
    command_line: str = ""
    dtb: Path | None = None
    """Another device tree than the running one, to be merged with it."""
    way: Way | None = None
    """None: the best that is open."""
    system_call: SystemCall | None = None
    """None: the one that this kernel has, kexec_load where it has both."""
    load_only: bool = False
    dry_run: bool = False
    """Nothing will be loaded, so that nobody needs permission to."""

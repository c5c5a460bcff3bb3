# SPDX-License-Identifier: BSD-2-Clause
"""What the running system says, beyond the tree. Values only; `roundpen.check.live` reads them.

Each field has a value that means "not known", and it is the default: a check of a file alone
is a check with a System() that knows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from roundpen.image.header import ImageHeader


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel that a loader is to start: `name` is its file's."""

    name: str
    header: ImageHeader


@dataclass(frozen=True, slots=True)
class System:
    """The running kernel and the machine below it."""

    live: bool = False
    """Is this the system that the tree is of?"""
    entry_level: int | None = None
    """Exception level at which CPUs enter the kernel: 1 or 2 (3: no loader should)."""
    release: str | None = None
    """The kernel's release (`uname -r`)."""
    config: Mapping[str, str] | None = None
    """Kernel options by name with CONFIG_; what is off has the value "n" or is missing."""
    command_line: str | None = None
    lockdown: str | None = None
    """"none", "integrity" or "confidentiality"."""
    kexec_loaded: bool | None = None
    kexec_disabled: bool | None = None
    """sysctl kernel.kexec_load_disabled."""
    possible: int | None = None
    online: int | None = None
    """CPUs that the kernel counts as possible, and that are online."""
    offline: tuple[int, ...] = ()
    """Numbers of the possible CPUs that are not online."""
    reboot_cpu: int | None = None
    """Number of the CPU on which kexec jumps (/sys/kernel/reboot/cpu)."""
    cannot_offline: tuple[int, ...] = ()
    """Numbers of the CPUs other than 0 that have no switch in sysfs."""
    log: tuple[str, ...] = ()
    """The lines of the kernel's log that concern CPUs and kexec."""
    watchdogs: tuple[str, ...] = ()
    """Names of the watchdogs that are running."""
    efi: bool | None = None
    whole_tree: bool = True
    """False when the tree came from /proc/device-tree, which has no reservation block."""
    cache_line: int | None = None
    """Bytes of the longest cache line."""
    kernel: Kernel | None = None
    u_boot: str | None = None
    """The version that U-Boot left in the running system's tree."""
    late_pen: str | None = None
    """Has the module `roundpen` a pen? "made" or "adopted"."""
    modules_disabled: bool | None = None
    """sysctl kernel.modules_disabled."""
    logbook: tuple[str, ...] = ()
    """What the pen's logbook complains of, a line each."""

    def option(self, name: str) -> bool | None:
        """Is CONFIG_`name` built in? None when the configuration is not known."""
        if self.config is None:
            return None
        return self.config.get(f"CONFIG_{name}") == "y"

    def word(self, name: str) -> str | None:
        """The value of `name=` on the kernel's command line, "" for a bare word; else None.

        The last one counts. What follows `--` is for init.
        """
        found = None
        for piece in (self.command_line or "").split(" -- ")[0].split():
            key, _, value = piece.partition("=")
            if key == name:
                found = value
        return found


UNKNOWN = System()

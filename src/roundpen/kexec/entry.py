# SPDX-License-Identifier: BSD-2-Clause
"""What a boot loader would start, as a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One kernel that a boot loader of this system can start, and with what."""

    title: str
    kernel: Path
    """The file to open: below the root folder that was looked at. It need not be there."""
    initrd: Path | None
    command_line: str
    """As the configuration has it. What a loader adds by itself is not in it (see `remarks`)."""
    dtb: Path | None
    """The tree that the loader reads from a file; None: it passes on the one that it has."""
    source: str
    """File and line that say so, as the running system names them: "/boot/grub/grub.cfg:118"."""
    default: bool = False
    reason: str = ""
    """Why it is the default; empty for others."""
    remarks: tuple[str, ...] = ()
    """What can't be known from here, or can't be handed on by kexec: a sentence each."""

    def also(self, *remarks: str) -> Entry:
        """The same with more remarks."""
        return replace(self, remarks=self.remarks + remarks)

    def as_default(self, reason: str) -> Entry:
        """The same, as the one that would be booted."""
        return replace(self, default=True, reason=reason)

    def as_other(self) -> Entry:
        """The same, as one that is not the default."""
        return replace(self, default=False, reason="")


@dataclass(frozen=True)
class Menu:
    """What one loader's configuration offers, in its order; at most one is the default."""

    entries: tuple[Entry, ...] = ()
    remarks: tuple[str, ...] = ()
    """Why none is the default, or what keeps the answer from being sure."""

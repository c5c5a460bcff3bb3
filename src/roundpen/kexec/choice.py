# SPDX-License-Identifier: BSD-2-Clause
"""What this system would boot next.

A pure reading of the files that boot loaders read, below a root folder. Nothing is executed:
grub.cfg is a program, and only what its generated form needs is understood of it.

No library does this: boom-boot (GPL-2.0) manages BLS entries and chooses none, the parsers of
Xen's pygrub are part of that program and know neither `submenu` nor grubenv.
"""

from __future__ import annotations

from pathlib import Path

from roundpen.errors import UserError
from roundpen.kexec import debian
from roundpen.kexec.entry import Entry, Menu
from roundpen.kexec.places import Root

__all__ = ["Entry", "Menu", "default", "find", "look"]


def find(root: Path = Path("/")) -> tuple[Entry, ...]:
    """The entries below `root`, in the order of the loaders' menus; at most one is the default.

    Raises UserError when a file that decides can't be read or understood.
    """
    return look(root).entries


def default(menu: Menu) -> Entry:
    """What would be booted next.

    Raises UserError when that can't be told.
    """
    for entry in menu.entries:
        if entry.default:
            return entry
    why = "; ".join(menu.remarks) or "no loader's configuration, and no kernel in /boot"
    raise UserError(f"what this system would boot next can't be told: {why}", remedy="give KERNEL")


def look(root: Path = Path("/")) -> Menu:
    """Like `find`, with what keeps the answer from being sure."""
    return debian.menu(Root(root))

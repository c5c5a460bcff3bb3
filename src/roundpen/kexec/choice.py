# SPDX-License-Identifier: BSD-2-Clause
"""What this system would boot next.

A pure reading of the files that boot loaders read, below a root folder. Nothing is executed:
grub.cfg is a program, and only what its generated form needs is understood of it.

No library does this: boom-boot (GPL-2.0) manages BLS entries and chooses none, the parsers of
Xen's pygrub are part of that program and know neither `submenu` nor grubenv.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from roundpen.errors import UserError
from roundpen.kexec import bls, debian, extlinux, grub, raspberry
from roundpen.kexec.entry import Entry, Menu
from roundpen.kexec.places import Root

__all__ = ["Entry", "Menu", "default", "find", "look"]

_Source = Callable[[Root], Menu]
_LOADER_INFO = "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_SCRIPTS = ("/boot/boot.scr", "/boot/firmware/boot.scr", "/boot/boot.scr.uimg")


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
    """Like `find`, with what keeps the answer from being sure.

    The first loader that has an entry decides. What others have follows, none of it a default:
    a disk may carry the files of loaders that are not in use.
    """
    system = Root(root)
    entries: list[Entry] = []
    remarks: list[str] = []
    for source in _order(system):
        try:
            menu = source(system)
        except UserError as error:
            if not entries:
                raise
            remarks.append(str(error))
            continue
        first = not entries
        known = {entry.kernel for entry in entries}
        if source is debian.menu:
            menu = Menu(tuple(entry for entry in menu.entries if entry.kernel not in known))
        entries += menu.entries if first else [entry.as_other() for entry in menu.entries]
        remarks += menu.remarks if first else ()
    if any(entry.default for entry in entries) and entries[0].source.startswith("/boot/vmlinuz"):
        remarks += [
            f"{place} is a script of U-Boot's and was not read" for place in _scripts(system)
        ]
    return Menu(tuple(_checked(system, entry) for entry in entries), tuple(remarks))


def _order(root: Root) -> list[_Source]:
    """Who decides, the likeliest first, by what the running system says of its start.

    Without EFI neither GRUB nor systemd-boot can have started an arm64 system; what they leave
    on the disk still counts before a mere list of kernels.
    """
    efi_loaders: list[_Source] = [grub.menu, bls.menu]
    if root.is_file(_LOADER_INFO):
        efi_loaders.reverse()
    if root.is_folder("/sys/firmware/efi"):
        return [*efi_loaders, extlinux.menu, debian.menu]
    if root.is_file("/proc/device-tree/chosen/u-boot,version"):
        return [extlinux.menu, *efi_loaders, debian.menu]
    return [raspberry.menu, extlinux.menu, *efi_loaders, debian.menu]


def _scripts(root: Root) -> list[str]:
    return [place for place in _SCRIPTS if root.is_file(place)]


def _checked(root: Root, entry: Entry) -> Entry:
    """With a remark for each file that is not there."""
    missing = [
        f"{root.name(path)} is not there"
        for path in (entry.kernel, entry.initrd, entry.dtb)
        if path is not None and not root.is_file(root.name(path))
    ]
    return entry.also(*missing) if missing else entry

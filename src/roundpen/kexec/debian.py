# SPDX-License-Identifier: BSD-2-Clause
"""Debian's /boot: kernels by their names, where no loader's configuration says more."""

from __future__ import annotations

import re

from roundpen.kexec import versions, words
from roundpen.kexec.entry import Entry, Menu
from roundpen.kexec.places import Root

_LINKS = ("/vmlinuz", "/boot/vmlinuz")
_NOT_MEANT = re.compile(r"\.(dpkg-\w+|old-dkms|sig|bak)$")


def menu(root: Root) -> Menu:
    """The kernels in /boot, newest first.

    The default is what /vmlinuz points at, which linux-update-symlinks keeps; without it the
    newest, which is what update-grub, u-boot-update and raspi-firmware's hook would choose.
    """
    kernels = [name for name in root.names("/boot") if _is_kernel(root, name)]
    linked = {root.path(link): link for link in reversed(_LINKS) if root.is_file(link)}
    found = []
    for name in versions.newest_first(kernels, versions.debian):
        kernel = root.path(f"/boot/{name}")
        found.append(_entry(root, name, f"{linked[kernel]} is it" if kernel in linked else ""))
    if found and not any(entry.default for entry in found):
        newest = found[0].title.removeprefix("Linux ")
        found[0] = _entry(root, f"vmlinuz-{newest}", "it is the newest in /boot, and no link says")
    return Menu(tuple(found))


def _is_kernel(root: Root, name: str) -> bool:
    return (
        name.startswith("vmlinuz-")
        and not _NOT_MEANT.search(name)
        and root.is_file(f"/boot/{name}")
    )


def _entry(root: Root, name: str, reason: str) -> Entry:
    version = name.removeprefix("vmlinuz-")
    initrd = f"/boot/initrd.img-{version}"
    return Entry(
        title=f"Linux {version}",
        kernel=root.path(f"/boot/{name}"),
        initrd=root.path(initrd) if root.is_file(initrd) else None,
        command_line=running_command_line(root),
        dtb=None,
        source=f"/boot/{name}",
        default=bool(reason),
        reason=reason,
        remarks=("no loader's configuration names it; the command line is the running kernel's",),
    )


def running_command_line(root: Root) -> str:
    """The running kernel's, as another may have it; empty when it is not known."""
    return words.for_another(root.text("/proc/cmdline") or "")

# SPDX-License-Identifier: BSD-2-Clause
"""What a Raspberry Pi's firmware starts by itself: config.txt and cmdline.txt.

Where the kernel that it names is another loader (U-Boot, UEFI), the answer is that loader's.
"""

from __future__ import annotations

import re

from roundpen.kexec import config_txt, words
from roundpen.kexec.config_txt import Config
from roundpen.kexec.debian import running_command_line
from roundpen.kexec.entry import Entry, Menu
from roundpen.kexec.places import Root

FOLDERS = ("/boot/firmware", "/boot", "/boot/efi")
_LOADER = re.compile(r"u-?boot|RPI_EFI|barebox|grub", re.I)
_OF_INTEREST = ("kernel", "initramfs", "cmdline", "os_prefix", "auto_initramfs")


def menu(root: Root) -> Menu:
    """One entry, or none: no config.txt, no 64-bit kernel, or another loader.

    Raises UserError when config.txt can't be read.
    """
    for folder in FOLDERS:
        if root.is_file(f"{folder}/config.txt") and _is_firmwares(root, folder):
            return _menu(root, folder)
    return Menu()


def model(root: Root) -> str:
    """The board, as the device tree has it; empty when it has none."""
    return (root.data("/proc/device-tree/model") or b"").decode("utf-8", "replace").strip("\0\n")


def _is_firmwares(root: Root, folder: str) -> bool:
    """Raspberry Pi OS leaves a config.txt in /boot that only says where the file has gone."""
    return any(
        name.startswith(("start", "bcm27", "kernel", "vmlinuz", "fixup", "overlays"))
        for name in root.names(folder)
    )


def _menu(root: Root, folder: str) -> Menu:
    board = model(root)
    config = config_txt.read(root, f"{folder}/config.txt", board)
    settings = config.settings
    name, source = _kernel(root, folder, config, board)
    if "armstub" in settings and _LOADER.search(settings["armstub"].value):
        return Menu()
    if _LOADER.search(name):
        return Menu()
    remarks = [
        f"{where}: {key}={value} holds only if its filter does, which can't be known here"
        for key, (value, where) in config.unknown.items()
        if key in _OF_INTEREST
    ]
    if root.is_file(f"{folder}/autoboot.txt"):
        remarks.append(f"{folder}/autoboot.txt may have the firmware take another partition")
    prefix = _prefix(root, folder, config, name, remarks)
    initrd = _initrd(root, folder, config, prefix, name, remarks)
    entry = Entry(
        title=f"{board or 'Raspberry Pi'}: {prefix}{name}",
        kernel=root.path(_file(folder, prefix, name)),
        initrd=root.path(initrd) if initrd else None,
        command_line=_command_line(root, folder, config, prefix, remarks),
        dtb=None,
        source=source,
        default=True,
        reason=f"the firmware starts it ({source})",
        remarks=tuple(remarks),
    )
    return Menu((entry,))


def _file(folder: str, prefix: str, name: str) -> str:
    """An absolute name is not prefixed."""
    return f"{folder}{name}" if name.startswith("/") else f"{folder}/{prefix}{name}"


def _kernel(root: Root, folder: str, config: Config, board: str) -> tuple[str, str]:
    """The kernel's name, and the line that says so."""
    if "kernel" in config.settings:
        setting = config.settings["kernel"]
        return setting.value, setting.source
    source = f"{folder}/config.txt"
    if config_txt.is_model("pi5", board) and root.is_file(f"{folder}/kernel_2712.img"):
        return "kernel_2712.img", source
    # 32-bit firmware defaults are of no use here: whoever asks runs a 64-bit kernel.
    return "kernel8.img", source


def _prefix(root: Root, folder: str, config: Config, name: str, remarks: list[str]) -> str:
    """os_prefix, which the firmware ignores without a word when no kernel is there."""
    setting = config.settings.get("os_prefix")
    prefix = setting.value if setting else ""
    if not setting and config.settings.get("upstream_kernel", _OFF).value == "1":
        prefix = "upstream/"
    if not prefix or name.startswith("/") or root.is_file(f"{folder}/{prefix}{name}"):
        return prefix
    if setting:
        remarks.append(f"os_prefix={prefix} is ignored: no {prefix}{name} in {folder}")
    return ""


def _initrd(
    root: Root, folder: str, config: Config, prefix: str, kernel: str, remarks: list[str]
) -> str | None:
    setting = config.settings.get("initramfs") or config.settings.get("ramfsfile")
    if setting and setting.value:
        names = setting.value.split()[0].split(",")
        if len(names) > 1:
            remarks.append(f"of {len(names)} initrds only the last is used, kexec takes one")
        return _file(folder, prefix, names[-1])
    if config.settings.get("auto_initramfs", _OFF).value != "1":
        return None
    found = re.fullmatch(r"kernel(.*)\.img", kernel)
    name = f"initramfs{found[1]}" if found else ""
    if not name:
        remarks.append(f"auto_initramfs=1: which file belongs to {kernel} is the firmware's secret")
        return None
    place = _file(folder, prefix, name)
    return place if root.is_file(place) else None


_OFF = config_txt.Setting("0", "")


def _command_line(root: Root, folder: str, config: Config, prefix: str, remarks: list[str]) -> str:
    """cmdline.txt, with what the firmware put in front of it this time.

    The firmware adds parameters of its own, MAC address and frame buffer among them. The running
    command line has them, and if it ends with the words of cmdline.txt, they are what is before.
    """
    setting = config.settings.get("cmdline")
    place = _file(folder, prefix, setting.value if setting else "cmdline.txt")
    lines = [line.strip() for line in (root.text(place) or "").splitlines() if line.strip()]
    if len(lines) > 1:
        remarks.append(f"{place} has {len(lines)} lines, the firmware takes the first")
    own = words.split(lines[0]) if lines else []
    running = words.split(running_command_line(root))
    if own and len(running) >= len(own) and all(map(_same, own, running[-len(own) :])):
        return " ".join(running)
    if not lines:
        remarks.append(f"{place}: not there or empty")
    remarks.append("what the firmware adds to the command line is not known and not in it")
    if any("serial" in word for word in own):
        remarks.append("serial0 and serial1 are names that only the firmware knows")
    return " ".join(own)


def _same(own: str, running: str) -> bool:
    """The firmware puts the port's own name for serial0 and serial1 (console=serial0,115200)."""
    pattern = re.sub(r"serial[01]", r"tty(S|AMA)[0-9]+", re.escape(own))
    return re.fullmatch(pattern, running) is not None

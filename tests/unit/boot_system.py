# SPDX-License-Identifier: BSD-2-Clause
"""Folders that look like a system's root to whoever asks what it would boot next."""

from __future__ import annotations

import shutil
from pathlib import Path

from roundpen.kexec import choice
from roundpen.kexec.entry import Entry, Menu

FILES = Path(__file__).parent / "boot_files"
KERNELS = ("6.1.0-56-arm64", "6.12.118+deb13-arm64")
NEWER = KERNELS[1]
UUID = "8f0b2c9e-5a6d-4c1e-9d0f-3b2a1c4d5e6f"
MODEL = "Raspberry Pi 3 Model B Rev 1.2"


class System:
    """A root folder that grows by what is written into it."""

    def __init__(self, root: Path, like: str | None = None) -> None:
        """`like`: a folder of `boot_files`."""
        self.root = root
        if like:
            shutil.copytree(FILES / like, root, dirs_exist_ok=True)

    def write(self, place: str, text: str | bytes = "x") -> None:
        path = self.root / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8")

    def kernels(self, folder: str = "/boot") -> None:
        for version in KERNELS:
            self.write(f"{folder}/vmlinuz-{version}")
            self.write(f"{folder}/initrd.img-{version}")

    def grubenv(self, place: str = "/boot/grub/grubenv", **variables: str) -> None:
        lines = "".join(f"{name}={value}\n" for name, value in variables.items())
        self.write(place, ("# GRUB Environment Block\n" + lines).ljust(1024, "#"))

    def efi(self) -> None:
        (self.root / "sys/firmware/efi").mkdir(parents=True)

    def variable(self, name: str, value: str) -> None:
        place = f"/sys/firmware/efi/efivars/{name}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
        self.write(place, b"\7\0\0\0" + f"{value}\0".encode("utf-16-le"))

    def look(self) -> Menu:
        return choice.look(self.root)

    def default(self) -> Entry:
        return choice.default(self.look())

    def place(self, path: Path | None) -> str | None:
        return None if path is None else f"/{path.relative_to(self.root)}"

# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own arm64 kernels, unmodified, by the names that the lab uses."""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from roundpen.errors import MachineError, UserError
from roundpen.packages.apt import Deb, fetch
from roundpen.packages.unpack import depends, unpack

ARCHITECTURE = "arm64"


@dataclass(frozen=True)
class Flavour:
    """Where a kernel comes from: `package` is the one that always depends on the newest."""

    suite: str
    package: str
    describes: str


FLAVOURS: dict[str, Flavour] = {
    "debian-6.1": Flavour("bookworm", "linux-image-arm64", "Debian 12, 4 KiB pages"),
    "debian-6.12": Flavour("trixie", "linux-image-arm64", "Debian 13, 4 KiB pages"),
    "debian-6.12-16k": Flavour("trixie", "linux-image-arm64-16k", "Debian 13, 16 KiB pages"),
}


@dataclass(frozen=True)
class DebianKernel:
    """A kernel package in the cache: its files, all as Debian ships them."""

    name: str
    release: str
    deb: Deb
    image: Path
    config: Path
    _root: Path

    def tree(self, file: str) -> Path:
        """The device tree `file` (say "bcm2837-rpi-3-b.dtb") that the package carries.

        Raises UserError when it has none of that name.
        """
        found = sorted(self._root.glob(f"usr/lib/linux-image-*/**/{file}"))
        if not found:
            raise UserError(f"{self.name}: the package {self.deb.package} has no {file}")
        return found[0]

    def trees(self) -> list[Path]:
        """All device trees that the package carries, sorted by path."""
        return sorted(self._root.glob("usr/lib/linux-image-*/**/*.dtb"))

    def modules(self, names: Iterable[str]) -> list[tuple[str, bytes]]:
        """File name and content (decompressed) of the modules `names`, dependencies first.

        Raises UserError when the package has no such module.
        """
        root = unpack([self.deb], ("lib/modules/*", "usr/lib/modules/*"))
        files = {_plain(path): path for path in sorted(root.glob("**/modules/*/kernel/**/*.ko*"))}
        order: list[str] = []
        for name in names:
            self._visit(name.replace("-", "_"), files, order)
        return [(f"{name}.ko", _content(files[name])) for name in order]

    def _visit(self, name: str, files: dict[str, Path], order: list[str]) -> None:
        if name in order:
            return
        if name not in files:
            raise UserError(f"{self.name}: the package {self.deb.package} has no module {name}")
        for needed in module_depends(_content(files[name])):
            self._visit(needed, files, order)
        order.append(name)


def module_depends(content: bytes) -> list[str]:
    """The modules that a module's .modinfo section says it needs.

    Format: NUL-terminated "key=value" strings (linux/module.h).
    """
    for start in (b"\0depends=", b"depends="):
        at = content.find(start)
        if at >= 0:
            value = content[at + len(start) :].split(b"\0", 1)[0].decode("ascii", "replace")
            return [name.replace("-", "_") for name in value.split(",") if name]
    return []


def _plain(path: Path) -> str:
    return path.name.split(".ko")[0].replace("-", "_")


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def kernel(name: str) -> DebianKernel:
    """The kernel called `name` in FLAVOURS, fetched when the cache lacks it.

    Raises UserError for an unknown name, MachineError when it can't be had.
    """
    flavour = FLAVOURS.get(name)
    if flavour is None:
        raise UserError(f"no kernel called {name!r}", remedy=f"known: {', '.join(FLAVOURS)}")
    deb = fetch(flavour.suite, ARCHITECTURE, _newest(flavour))
    root = unpack([deb], ("boot/*", "usr/lib/linux-image-*.dtb"))
    images = sorted(root.glob("boot/vmlinuz-*"))
    if len(images) != 1:
        raise MachineError(f"{deb.path.name}: {len(images)} files boot/vmlinuz-*, expected one")
    release = images[0].name.removeprefix("vmlinuz-")
    return DebianKernel(name, release, deb, images[0], root / f"boot/config-{release}", root)


def _newest(flavour: Flavour) -> str:
    meta = fetch(flavour.suite, ARCHITECTURE, flavour.package)
    images = [name for name in depends(meta) if name.startswith("linux-image-")]
    if len(images) != 1:
        raise MachineError(
            f"{meta.path.name}: depends on {images or 'no kernel image'}, expected one linux-image"
        )
    return images[0]

# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own arm64 kernels, unmodified, by the names that the lab uses."""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from roundpen.errors import MachineError, UserError
from roundpen.packages.apt import BACKPORTS, Deb, fetch, newest
from roundpen.packages.unpack import depends, unpack

ARCHITECTURE = "arm64"
_FILES = (
    "boot/*",
    "usr/lib/linux-image-*.dtb",
    "usr/lib/modules/*/vmlinuz",
    "usr/lib/modules/*/config",
    "usr/lib/modules/*.dtb",
)
_IMAGES = ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
_CONFIGS = ("boot/config-*", "usr/lib/modules/*/config")
_TREES = ("usr/lib/linux-image-*/**/", "usr/lib/modules/*/dtb/**/")
"""Where they lie up to 7.1, and from 7.2 on."""


@dataclass(frozen=True)
class Flavour:
    """Where a kernel comes from.

    `package`: the one that always depends on the newest. Or, with a "*", the newest of that name:
    for a line that the suite still has beside its newest.
    """

    suite: str
    package: str
    describes: str


FLAVOURS: dict[str, Flavour] = {
    "debian-6.1": Flavour("bookworm", "linux-image-arm64", "Debian 12, 4 KiB pages"),
    "debian-6.12": Flavour("trixie", "linux-image-arm64", "Debian 13, 4 KiB pages"),
    "debian-6.12-16k": Flavour("trixie", "linux-image-arm64-16k", "Debian 13, 16 KiB pages"),
    "debian-6.12-rt": Flavour("trixie", "linux-image-rt-arm64", "Debian 13, PREEMPT_RT"),
    "debian-7.2": Flavour("trixie-backports", "linux-image-7.2.*-arm64", "Debian 13's backport"),
    "debian-7.x": Flavour("trixie-backports", "linux-image-arm64", "Debian 13's newest backport"),
}


@dataclass(frozen=True)
class DebianKernel:
    """A kernel in the cache: its files, all as Debian ships them.

    `deb`: the package linux-image-RELEASE. From 7.2 on it is empty, and what it depends on has
    the files.
    """

    name: str
    release: str
    suite: str
    deb: Deb
    image: Path
    config: Path
    _root: Path

    def tree(self, file: str) -> Path:
        """The device tree `file` (say "bcm2837-rpi-3-b.dtb") that the package carries.

        Raises UserError when it has none of that name.
        """
        found = self._trees(file)
        if not found:
            raise UserError(f"{self.name}: the package {self.deb.package} has no {file}")
        return found[0]

    def trees(self) -> list[Path]:
        """All device trees that the package carries, sorted by path."""
        return self._trees("*.dtb")

    def _trees(self, file: str) -> list[Path]:
        return sorted(path for place in _TREES for path in self._root.glob(place + file))

    def modules(self, names: Iterable[str]) -> list[tuple[str, bytes]]:
        """File name and content (decompressed) of the modules `names`, dependencies first.

        Raises UserError when the package has no such module.
        """
        own = [name for name in depends(self.deb) if name == f"linux-modules-{self.release}"]
        debs = [fetch(self.suite, ARCHITECTURE, name) for name in own] or [self.deb]
        root = unpack(debs, ("lib/modules/*", "usr/lib/modules/*"))
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
    root = unpack(_parts(flavour.suite, deb), _FILES)
    image, config = (_one(root, deb, patterns) for patterns in (_IMAGES, _CONFIGS))
    release = deb.package.removeprefix("linux-image-")
    return DebianKernel(name, release, flavour.suite, deb, image, config, root)


def _one(root: Path, deb: Deb, patterns: tuple[str, ...]) -> Path:
    found = [path for pattern in patterns for path in root.glob(pattern)]
    if len(found) != 1:
        raise MachineError(
            f"{deb.path.name}: {len(found)} files {' or '.join(patterns)}, expected one"
        )
    return found[0]


def _parts(suite: str, image: Deb) -> list[Deb]:
    """The packages with Image, configuration and device trees."""
    release = image.package.removeprefix("linux-image-")
    wanted = (f"linux-base-{release}", f"linux-binary-{release}")
    return [image, *(fetch(suite, ARCHITECTURE, name) for name in depends(image) if name in wanted)]


def _newest(flavour: Flavour) -> str:
    if "*" in flavour.package:
        return newest(flavour.suite, ARCHITECTURE, flavour.package)
    # Of backports, apt takes only what is asked for by its suite.
    which = f"/{flavour.suite}" if flavour.suite.endswith(BACKPORTS) else ""
    meta = fetch(flavour.suite, ARCHITECTURE, flavour.package + which)
    images = [name for name in depends(meta) if name.startswith("linux-image-")]
    if len(images) != 1:
        raise MachineError(
            f"{meta.path.name}: depends on {images or 'no kernel image'}, expected one linux-image"
        )
    return images[0]

# SPDX-License-Identifier: BSD-2-Clause
"""The files that a plan is about, read once: the kernel, its configuration, initrd, device tree.

What can't be read is a trouble in the result, so that a plan names all of them at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from roundpen.check import live
from roundpen.check.files import printable, read_bounded
from roundpen.contract.layout import TREE_MAX
from roundpen.errors import RoundpenError, UserError, reason_of
from roundpen.image import payload
from roundpen.image.header import ImageHeader
from roundpen.kexec.wanted import Wanted

_CONFIG_MARKS = (b"IKCFG_ST", b"IKCFG_ED")
"""Around the configuration in a kernel with CONFIG_IKCONFIG=y (kernel/configs.c)."""
_SPIN_TABLE = b"spin-table\0"
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class KernelFile:
    """The kernel to go into. Sizes in bytes."""

    path: Path
    release: str | None
    banner: str | None
    packing: tuple[str, ...]
    """Layers around the Image, outermost first; empty: `path` is the Image itself."""
    header: ImageHeader
    file_size: int
    size: int
    """Of the Image, unpacked."""
    sha256: str
    """Of the Image, unpacked."""
    signed: bool
    """Does the Image carry a signature? Whose, and whether it is good, is the kernel's to say."""
    knows_spin_table: bool
    wrapped: bool
    """Is there a pen in front?"""
    lost: tuple[str, ...] = ()
    """What else was in the file and is not taken along, in words."""

    @property
    def as_it_is(self) -> bool:
        """Give `path` to whoever loads? Otherwise the unpacked Image (`image.payload.load`)."""
        return not self.packing


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was read. `troubles`: what could not be, by what it should have been."""

    kernel: KernelFile | None = None
    config: Mapping[str, str] | None = field(default=None, repr=False)
    """The next kernel's configuration; None: not known."""
    initrd: int = 0
    """Bytes; 0 without one."""
    dtb: tuple[str, bytes] | None = field(default=None, repr=False)
    troubles: Mapping[str, UserError] = field(default_factory=dict)

    def option(self, name: str) -> bool | None:
        """Has the next kernel CONFIG_`name` built in? None when nobody knows."""
        return None if self.config is None else self.config.get(f"CONFIG_{name}") == "y"


def read(wanted: Wanted, root: Path = Path("/")) -> Inputs:
    """The files that `wanted` names; the configuration of the next kernel where one is found."""
    troubles: dict[str, UserError] = {}

    def attempt(name: str, function: Callable[[Path], _Read], path: Path | None) -> _Read | None:
        try:
            return None if path is None else function(path)
        except RoundpenError as error:
            troubles[name] = UserError(error.message, remedy=error.remedy)
            return None

    found = attempt("kernel", _kernel, wanted.kernel)
    kernel, inside = found or (None, None)
    config = inside
    if config is None and kernel is not None and kernel.release is not None:
        config = _stored(kernel, kernel.release, root)
    return Inputs(
        kernel=kernel,
        config=config,
        initrd=attempt("initrd", _size, wanted.initrd) or 0,
        dtb=attempt("dtb", _tree, wanted.dtb),
        troubles=troubles,
    )


def _kernel(path: Path) -> tuple[KernelFile, Mapping[str, str] | None]:
    found = payload.parse(payload.read(path), printable(path))
    image = found.image
    banner = found.banner
    words = (banner or "").split()
    kernel = KernelFile(
        path=path,
        # "Linux version 6.1.0-56-arm64 (debian-kernel@...", without its first two words.
        release=words[0] if words else None,
        banner=banner,
        packing=found.packing,
        header=found.header,
        file_size=found.file_size,
        size=len(image),
        sha256=hashlib.sha256(image).hexdigest(),
        signed=_signed(image, found.header),
        knows_spin_table=_SPIN_TABLE in image,
        wrapped=found.descriptor is not None,
        lost=found.lost,
    )
    return kernel, _inside(image)


def _signed(image: bytes, header: ImageHeader) -> bool:
    """Has the PE file a certificate table? (Microsoft's PE format: data directory 4, PE32+.)"""
    at = header.pe_offset
    if not header.has_efi_stub or image[at : at + 4] != b"PE\0\0":
        return False
    directory = at + 24 + 112 + 8 * 4
    return int.from_bytes(image[directory + 4 : directory + 8], "little") > 0


def _inside(image: bytes) -> Mapping[str, str] | None:
    begin = image.find(_CONFIG_MARKS[0])
    end = image.find(_CONFIG_MARKS[1], begin)
    if begin < 0 or end < 0:
        return None
    return live.packed_config(image[begin + len(_CONFIG_MARKS[0]) : end]) or None


def _stored(kernel: KernelFile, release: str, root: Path) -> Mapping[str, str] | None:
    """Beside the kernel, as distributions have it, or where this system keeps its own."""
    if "/" in release:
        return None
    beside = kernel.path.parent / f"config-{release}"
    return live.stored_config(beside) or live.config_of(root, release)


def _size(path: Path) -> int:
    """Raises UserError when there is no file to read."""
    name = printable(path)
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
    except OSError as error:
        raise UserError(f"{name}: cannot be read: {reason_of(error)}") from error
    if not size:
        raise UserError(f"{name}: empty, which no initrd is", remedy="make it again, or leave it")
    return size


def _tree(path: Path) -> tuple[str, bytes]:
    return printable(path), read_bounded(path, TREE_MAX)

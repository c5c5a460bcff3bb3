# SPDX-License-Identifier: BSD-2-Clause
"""From a file as found on a boot partition to the raw arm64 Image that is in it.

Everything here takes bytes and a name for the messages; `read` is the one function that
opens a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from roundpen.errors import MachineError, UserError, reason_of
from roundpen.image import containers, trees, unpack
from roundpen.image.containers import Opened
from roundpen.image.header import HEADER_SIZE, Descriptor, ImageHeader

SIZE_MAX = 512 << 20
"""Bytes. Far above any kernel, initramfs inside included; a bound against hostile files."""

_TEXT_OFFSET_MAX = 0x200000
_TEXT_OFFSET_ALIGN = 0x1000
_DEPTH_MAX = 3
_BANNER = re.compile(rb"Linux version ([\x20-\x7e]{1,200})")


@dataclass(frozen=True)
class Payload:
    """A raw arm64 Image and how it was found.

    `image` ends where the file ended; `packing` names the layers around it, outermost first
    (for example `("EFI zboot", "gzip")`); `file_size` is the packed size in bytes; `lost`: what
    else was in them, in words.
    """

    image: bytes
    header: ImageHeader
    packing: tuple[str, ...]
    file_size: int
    lost: tuple[str, ...] = ()

    @property
    def banner(self) -> str | None:
        """The kernel's own version line, None when it isn't found."""
        match = _BANNER.search(self.image)
        return match[1].decode("ascii").strip() if match else None

    @property
    def descriptor(self) -> Descriptor | None:
        """The pen's descriptor; None when this is no wrapped Image."""
        return Descriptor.parse(self.image)

    @property
    def efi(self) -> bool:
        """Whether EFI firmware can start the file as it is: zboot, UKI, or by the Image's stub."""
        outermost = self.packing[:1]
        return outermost in (("EFI zboot",), ("UKI",)) or (
            not outermost and self.header.has_efi_stub
        )


def read(path: Path) -> bytes:
    """The file's bytes.

    Raises UserError when it is missing, no file, unreadable or larger than any kernel;
    MachineError when reading it fails half-way.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(SIZE_MAX + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"{path}: cannot be read: {reason_of(error)}") from error
    except OSError as error:
        raise MachineError(f"{path}: reading failed: {reason_of(error)}") from error
    if len(data) > SIZE_MAX:
        raise UserError(f"{path}: larger than {SIZE_MAX >> 20} MiB, which no kernel is")
    return data


def load(path: Path) -> Payload:
    """`parse` for a file."""
    return parse(read(path), str(path))


def parse(data: bytes, name: str) -> Payload:
    """The Image in `data`.

    Raises UserError, with `name` in front, when there is none, when a layer around it is
    damaged, or when its header can't be true.
    """
    layers: list[str] = []
    lost: list[str] = []
    image = data
    while (header := ImageHeader.parse(image)) is None:
        opened = _open(image, name, layers)
        image = opened.content
        layers += opened.layers
        lost += opened.lost
    _check_header(header, image, name)
    _check_appended(image, name, layers)
    return Payload(image, header, tuple(layers), len(data), tuple(lost))


def _open(data: bytes, name: str, layers: list[str]) -> Opened:
    """Take one layer off, below `layers`.

    Raises UserError, with `name` in front, when there is none that can be taken off.
    """
    found = containers.find(data)
    inside = f" (inside {', '.join(layers)})" if layers else ""
    if found is None:
        raise UserError(f"{name}: {containers.unknown(data)}{inside}", remedy=containers.FULL_IMAGE)
    if found.open is None:
        raise UserError(f"{name}: {found.name}{inside}", remedy=found.cure)
    if len(layers) > _DEPTH_MAX:
        raise UserError(
            f"{name}: packed more than {_DEPTH_MAX} times over{inside}", remedy="unpack it first"
        )
    try:
        return found.open(data, SIZE_MAX)
    except UserError as error:
        raise UserError(f"{name}: {error.message}{inside}", remedy=error.remedy) from error


def _check_appended(image: bytes, name: str, layers: list[str]) -> None:
    """Refuse device trees that are glued to an Image, as they are behind a compressed one.

    The Image does not say where its file ends, so a tree counts that ends where the file does:
    what a kernel has built in lies further inside.
    """
    start = trees.appended_at(image)
    if start < len(image):
        error = unpack.follows(name, "a device tree", len(image) - start, start)
        inside = f" (inside {', '.join(layers)})" if layers else ""
        raise UserError(f"{error.message}{inside}", remedy=error.remedy)


def _check_header(header: ImageHeader, image: bytes, name: str) -> None:
    """Refuse a header that would make the pen put something in the wrong place."""
    if header.image_size == 0:
        raise UserError(
            f"{name}: its header gives no image_size: a kernel older than 3.17",
            remedy="the pen needs 3.17 or newer",
        )
    if header.image_size > SIZE_MAX:
        raise UserError(
            f"{name}: its header claims an image_size of {header.image_size:#x} bytes, "
            f"at most {SIZE_MAX:#x} can be true"
        )
    if len(image) > header.image_size:
        raise UserError(
            f"{name}: the Image has {len(image):#x} bytes, its header claims an image_size "
            f"of {header.image_size:#x}",
            remedy="remove what was appended to it, or get the file again",
        )
    if header.text_offset >= _TEXT_OFFSET_MAX or header.text_offset % _TEXT_OFFSET_ALIGN:
        raise UserError(
            f"{name}: its header claims a text_offset of {header.text_offset:#x}, expected a "
            f"multiple of {_TEXT_OFFSET_ALIGN:#x} below {_TEXT_OFFSET_MAX:#x}"
        )
    _check_sections(header, image, name)


def _check_sections(header: ImageHeader, image: bytes, name: str) -> None:
    """Use the EFI stub's section table to see whether the file is all there.

    Source: the PE specification. The Image header itself doesn't give the size of the file.
    """
    pe = header.pe_offset
    if not header.has_efi_stub or image[pe : pe + 4] != b"PE\0\0":
        if len(image) <= HEADER_SIZE:
            raise UserError(f"{name}: truncated: only the header is there", remedy="copy it again")
        return
    count = int.from_bytes(image[pe + 6 : pe + 8], "little")
    table = pe + 24 + int.from_bytes(image[pe + 20 : pe + 22], "little")
    ends = [_section_end(image, table + 40 * index) for index in range(min(count, 96))]
    expected = max(ends, default=0)
    if expected > len(image):
        raise UserError(
            f"{name}: truncated: {len(image):#x} bytes, its sections reach to {expected:#x}",
            remedy="copy or download the file again",
        )


def _section_end(image: bytes, entry: int) -> int:
    """Where a section's bytes end in the file; a table that is cut off ends beyond the file."""
    if entry + 40 > len(image):
        return entry + 40
    size = int.from_bytes(image[entry + 16 : entry + 20], "little")
    start = int.from_bytes(image[entry + 20 : entry + 24], "little")
    return start + size if size else 0

# SPDX-License-Identifier: BSD-2-Clause
"""The arm64 Image header and the pen's descriptor behind it, as values.

Source: Linux, Documentation/arch/arm64/booting.rst, "Call the kernel image". All fields are
little-endian, whatever the kernel's own byte order. Offsets and sizes are bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from roundpen.contract import layout

HEADER_SIZE = 64
MAGIC_OFFSET = 0x38
MAGIC = b"ARM\x64"

_FORMAT = struct.Struct("<2I6Q4sI")
_FLAG_BIG_ENDIAN = 1 << 0
_FLAG_ANYWHERE = 1 << 3
_PAGE_SIZES = {1: 4096, 2: 16384, 3: 65536}
_EFI_STUB = b"MZ"


@dataclass(frozen=True)
class ImageHeader:
    """The first 64 bytes of an arm64 Image."""

    code0: int
    code1: int
    text_offset: int
    image_size: int
    flags: int
    res2: int = 0
    res3: int = 0
    res4: int = 0
    pe_offset: int = 0

    @classmethod
    def parse(cls, data: bytes) -> ImageHeader | None:
        """The header at the start of `data`, or None when there is none."""
        if len(data) < HEADER_SIZE:
            return None
        fields = _FORMAT.unpack_from(data)
        return cls(*fields[:8], *fields[9:]) if fields[8] == MAGIC else None

    def pack(self) -> bytes:
        """The 64 bytes that `parse` reads."""
        return _FORMAT.pack(
            self.code0,
            self.code1,
            self.text_offset,
            self.image_size,
            self.flags,
            self.res2,
            self.res3,
            self.res4,
            MAGIC,
            self.pe_offset,
        )

    @property
    def big_endian(self) -> bool:
        """Whether the kernel's data is big-endian."""
        return bool(self.flags & _FLAG_BIG_ENDIAN)

    @property
    def page_size(self) -> int | None:
        """The kernel's page size in bytes; None: the header doesn't say."""
        return _PAGE_SIZES.get(self.flags >> 1 & 3)

    @property
    def anywhere(self) -> bool:
        """True: any 2 MiB aligned base will do; False: as near to the start of RAM as possible."""
        return bool(self.flags & _FLAG_ANYWHERE)

    @property
    def has_efi_stub(self) -> bool:
        """Whether EFI firmware can start the Image too: its first instruction spells `MZ`."""
        return self.code0.to_bytes(4, "little").startswith(_EFI_STUB) and self.pe_offset != 0


@dataclass(frozen=True)
class Descriptor:
    """What a wrapped Image says about itself; see `layout.DESCRIPTOR` for the fields."""

    version: int
    offer: int
    payload_offset: int
    payload_size: int
    payload_image_size: int
    payload_text_offset: int
    pen_size: int
    pen_footprint: int

    @classmethod
    def parse(cls, data: bytes) -> Descriptor | None:
        """The descriptor of the Image that starts `data`, or None when it has none."""
        base = layout.DESCRIPTOR_OFFSET
        if data[base : base + len(layout.DESCRIPTOR_MAGIC)] != layout.DESCRIPTOR_MAGIC:
            return None
        if len(data) < base + layout.DESCRIPTOR_SIZE:
            return None
        return cls(
            *(
                int.from_bytes(
                    data[base + field.offset : base + field.offset + field.size], "little"
                )
                for field in layout.DESCRIPTOR[1:]
            )
        )

    def pack(self) -> bytes:
        """The bytes that `parse` reads, magic first."""
        out = bytearray(layout.DESCRIPTOR_SIZE)
        out[: len(layout.DESCRIPTOR_MAGIC)] = layout.DESCRIPTOR_MAGIC
        for field in layout.DESCRIPTOR[1:]:
            value: int = getattr(self, field.name)
            out[field.offset : field.offset + field.size] = value.to_bytes(field.size, "little")
        return bytes(out)

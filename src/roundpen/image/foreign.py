# SPDX-License-Identifier: BSD-2-Clause
"""What a file is when it is no arm64 Image: the words for the refusal.

Magic numbers and their places come from each format's own documentation: Linux's
arch/arm/boot/compressed/head.S and Documentation/arch/x86/boot.rst, U-Boot's image.h and
FIT documentation, the ELF and PE specifications, Android's boot image header.
"""

from __future__ import annotations

from dataclasses import dataclass

_FULL_IMAGE = (
    "give an arm64 Image, or one compressed with gzip, zstd, lz4 or xz, or a zboot vmlinuz"
)


@dataclass(frozen=True)
class _Mark:
    offset: int
    magic: bytes
    what: str
    remedy: str = _FULL_IMAGE


# More telling marks first: an x86 bzImage and a RISC-V Image are EFI programs too.
_MARKS = (
    _Mark(0x24, b"\x18\x28\x6f\x01", "a 32-bit ARM zImage", "the pen is for 64-bit kernels"),
    _Mark(0x24, b"\x01\x6f\x28\x18", "a 32-bit ARM zImage", "the pen is for 64-bit kernels"),
    _Mark(0x202, b"HdrS", "an x86 bzImage", "the pen is for arm64 kernels"),
    _Mark(0x38, b"RSC\x05", "a RISC-V Image", "the pen is for arm64 kernels"),
    _Mark(0, b"\x27\x05\x19\x56", "a U-Boot uImage", "give the Image that was put into it"),
    _Mark(
        0,
        b"\xd0\x0d\xfe\xed",
        "a device tree or a U-Boot FIT image",
        "give the kernel Image, taken out of it",
    ),
    _Mark(0, b"ANDROID!", "an Android boot image", "give the kernel Image that is in it"),
    _Mark(0, b"\x7fELF", "an ELF file", "give the Image made from it, not vmlinux itself"),
    _Mark(0, b"BZh", "compressed with bzip2", _FULL_IMAGE),
    _Mark(0, b"\x89LZO", "compressed with lzop", _FULL_IMAGE),
    _Mark(0, b"!<arch>\ndebian", "a Debian package", "give the vmlinuz that is in it"),
    _Mark(
        0,
        b"MZ",
        "an EFI program but no arm64 Image",
        "if it is a unified kernel image, give the kernel that is in it",
    ),
)


def describe(data: bytes) -> tuple[str, str]:
    """What `data` is and what to do about it. Never fails: unknown bytes get words too."""
    if not data:
        return "empty", _FULL_IMAGE
    for mark in _MARKS:
        if data[mark.offset : mark.offset + len(mark.magic)] == mark.magic:
            return mark.what, mark.remedy
    if len(data) < 64:
        return f"only {len(data)} bytes long, less than an Image's header", _FULL_IMAGE
    return "no arm64 Image: `ARM\\x64` is missing at offset 0x38", _FULL_IMAGE

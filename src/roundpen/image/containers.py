# SPDX-License-Identifier: BSD-2-Clause
"""What a kernel may be packed in, and what is taken for one: one table.

A row is a format: how it is recognised, what it is called, and either how it is opened or what
its reader can do. Magic numbers and their places come from each format's own documentation:
Linux's lib/decompress.c, arch/arm/boot/compressed/head.S and Documentation/arch/x86/boot.rst;
U-Boot's boot/image.c (what `booti` unpacks), image.h and FIT documentation; the ELF and PE
specifications; Android's boot, vendor boot and sparse image headers; Little Kernel's app/aboot
(UNCOMPRESSED_IMG); vboot's keyblock; U-Boot's tools/mtk_image.h; rkdeveloptool's KRNL header.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from roundpen.errors import UserError
from roundpen.image import pe, unpack

KNOWN = "gzip, zstd, lz4, xz, lzma or bzip2"
"""What a kernel may be compressed with."""
FULL_IMAGE = f"give an arm64 Image, or one compressed with {KNOWN}, or a zboot vmlinuz"

_OTHER = "the pen is for arm64 kernels"
_PATCHED_MAGIC = b"UNCOMPRESSED_IMG"
_PATCHED_HEADER = len(_PATCHED_MAGIC) + 4
_ZBOOT_HEADER = 0x40


@dataclass(frozen=True)
class Opened:
    """What was in a container: the bytes, the layers' names, and what is not taken along."""

    content: bytes
    layers: tuple[str, ...]
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class Container:
    """A format. `open` gets the data and a limit in bytes for what comes out; None: `cure` tells.

    `also`: a second mark, offset and bytes, where the first alone would not tell.
    """

    offset: int
    magic: bytes
    name: str
    cure: str = ""
    open: Callable[[bytes, int], Opened] | None = None
    also: tuple[int, bytes] = (0, b"")

    def holds(self, data: bytes) -> bool:
        """Whether `data` begins as this format does."""
        marks = ((self.offset, self.magic), self.also)
        return all(data[at : at + len(magic)] == magic for at, magic in marks)


def _compressed(magic: bytes, name: str, unpacker: Callable[[bytes, int], bytes]) -> Container:
    return Container(
        0, magic, name, open=lambda data, limit: Opened(unpacker(data, limit), (name,))
    )


_COMPRESSED = (
    _compressed(b"\x1f\x8b", "gzip", unpack.gzip),
    _compressed(b"\x28\xb5\x2f\xfd", "zstd", unpack.zstd),
    _compressed(b"\x04\x22\x4d\x18", "lz4", unpack.lz4_frame),
    _compressed(unpack.LZ4_LEGACY_MAGIC, "lz4", unpack.lz4_legacy),
    _compressed(b"\xfd7zXZ\0", "xz", unpack.xz),
    _compressed(b"BZh", "bzip2", unpack.bzip2),
    # No magic number of its own: lc, lp and pb as everybody has them, and the low bytes of the
    # dictionary's size. As file(1) has it.
    _compressed(b"\x5d\0\0", "lzma", unpack.lzma_alone),
)


def _zboot(data: bytes, limit: int) -> Opened:
    """The Image of an EFI zboot vmlinuz.

    Source: Linux, drivers/firmware/efi/libstub/zboot-header.S: u32 offset of the compressed
    kernel at 8, its size at 12, name of the compression at 24. For every format but gzip the
    size leaves out 4 bytes at the end (the unpacked size), so they may or may not be there.
    """
    if len(data) < _ZBOOT_HEADER:
        raise UserError(
            f"EFI zboot: truncated header, {len(data)} bytes", remedy="copy the file again"
        )
    start = int.from_bytes(data[8:12], "little")
    size = int.from_bytes(data[12:16], "little")
    label = data[24:56].split(b"\0")[0].decode("ascii", "replace")
    if start < _ZBOOT_HEADER or size == 0 or start + size > len(data):
        raise UserError(
            f"EFI zboot: the compressed kernel is at {start:#x} to {start + size:#x}, "
            f"outside the file of {len(data):#x} bytes",
            remedy="copy the file again",
        )
    body = data[start : start + size]
    for packed in _COMPRESSED:
        if packed.open is not None and packed.holds(body):
            return Opened(packed.open(body, limit).content, ("EFI zboot", packed.name))
    raise UserError(
        f"EFI zboot: compressed with `{label}`, known are {KNOWN}",
        remedy="give the kernel's Image instead",
    )


def _patched(data: bytes, limit: int) -> Opened:
    """What Qualcomm's loaders call a patched kernel: 16 bytes of magic, u32 size, the Image.

    The device trees begin where the kernel ends (aboot's dtb_offset).
    """
    end = _PATCHED_HEADER + int.from_bytes(data[len(_PATCHED_MAGIC) : _PATCHED_HEADER], "little")
    if not _PATCHED_HEADER < end <= len(data):
        raise UserError(
            f"UNCOMPRESSED_IMG: the kernel is to end at {end:#x}, the file ends at {len(data):#x}",
            remedy="copy or download the file again",
        )
    unpack.check_tail("UNCOMPRESSED_IMG", data, end)
    return Opened(data[_PATCHED_HEADER:end], ("UNCOMPRESSED_IMG",))


def _unified(data: bytes, limit: int) -> Opened:
    """The kernel of a unified kernel image (UAPI group, specification "UKI").

    Raises UserError when it is another EFI program, or one for another architecture.
    """
    sections = pe.sections(data)
    if ".linux" not in sections:
        raise UserError(f"{pe.kind(data)}, but no arm64 Image", remedy=FULL_IMAGE)
    if pe.machine(data) != pe.ARM64:
        raise UserError(f"a unified kernel image, {pe.kind(data)}", remedy=_OTHER)
    lost = [name for name in (".initrd", ".cmdline", ".dtb", ".dtbauto") if name in sections]
    return Opened(
        pe.content(data, sections[".linux"]),
        ("UKI",),
        tuple(f"the unified image's {name} is not taken along" for name in lost),
    )


_DUMPIMAGE = "dumpimage (package u-boot-tools)"

# More telling marks first: an x86 bzImage and a RISC-V Image are EFI programs too.
CONTAINERS = (
    Container(0x24, b"\x18\x28\x6f\x01", "a 32-bit ARM zImage", "the pen is for 64-bit kernels"),
    Container(0x24, b"\x01\x6f\x28\x18", "a 32-bit ARM zImage", "the pen is for 64-bit kernels"),
    Container(0x202, b"HdrS", "an x86 bzImage", _OTHER),
    Container(0x38, b"RSC\x05", "a RISC-V Image", _OTHER),
    Container(
        0,
        b"\x27\x05\x19\x56",
        "a U-Boot uImage",
        f"take the kernel out with {_DUMPIMAGE}: dumpimage -T kernel -p 0 -o Image FILE",
    ),
    Container(
        0,
        b"\xd0\x0d\xfe\xed",
        "a device tree or a U-Boot FIT image",
        f"take a FIT's kernel out with {_DUMPIMAGE}: dumpimage -T flat_dt -p 0 -o Image FILE",
    ),
    Container(
        0,
        b"ANDROID!",
        "an Android boot image",
        "take the kernel out with unpack_bootimg (package mkbootimg): unpack_bootimg --boot_img "
        "FILE --out DIR, and give DIR/kernel",
    ),
    Container(
        0,
        b"VNDRBOOT",
        "an Android vendor boot image, which has no kernel",
        "the kernel is in boot.img: unpack_bootimg (package mkbootimg) takes it out",
    ),
    Container(
        0,
        b"CHROMEOS",
        "a ChromeOS kernel partition",
        "behind its signatures, usually 64 KiB, is a FIT image: tail -c +65537 FILE >FIT, then "
        f"{_DUMPIMAGE}: dumpimage -T flat_dt -p 0 -o Image FIT",
    ),
    Container(
        0,
        b"\x88\x16\x88\x58",
        "a MediaTek image",
        "take off its header of 512 bytes: tail -c +513 FILE >KERNEL",
    ),
    Container(
        0,
        b"KRNL",
        "a Rockchip KRNL image",
        "take off its 8 bytes in front and 4 behind: tail -c +9 FILE | head -c -4 >KERNEL",
    ),
    Container(
        0,
        b"\x3a\xff\x26\xed",
        "an Android sparse image",
        "make a plain one with simg2img (package android-sdk-libsparse-utils): simg2img FILE "
        "OUT, and take the kernel out of that",
    ),
    Container(
        0,
        b"\x89LZO\0\r\n\x1a\n",
        "compressed with lzop",
        "unpack it with lzop (package lzop): lzop -d -c FILE >Image",
    ),
    Container(
        0,
        b"\x7fELF",
        "an ELF file",
        "give the Image made from it, not vmlinux itself: objcopy -O binary -R .note -R .comment "
        "-S FILE Image, with an objcopy for arm64",
    ),
    Container(
        0,
        b"!<arch>\ndebian",
        "a Debian package",
        "unpack it: dpkg-deb -x FILE DIR, and give DIR/boot/vmlinuz-VERSION",
    ),
    Container(
        0,
        b"PK\x03\x04",
        "a ZIP archive",
        "unpack it, and give the kernel that is in it",
    ),
    Container(
        0,
        b"070701",
        "a cpio archive: an initramfs, and no kernel",
        "give the kernel that goes with it",
    ),
    Container(
        0x200,
        b"EFI PART",
        "a disk image",
        "give the kernel that is in one of its partitions",
    ),
    *_COMPRESSED,
    Container(0, _PATCHED_MAGIC, "UNCOMPRESSED_IMG", open=_patched),
    Container(0, b"MZ", "EFI zboot", open=_zboot, also=(4, b"zimg")),
    Container(0, b"MZ", "UKI", open=_unified),
)
"""Every format that is known by name."""


def find(data: bytes) -> Container | None:
    """The format of `data`, None when it is none of CONTAINERS."""
    return next((one for one in CONTAINERS if one.holds(data)), None)


def unknown(data: bytes) -> str:
    """What to call data that no row knows."""
    if not data:
        return "empty"
    if len(data) < 64:
        return f"only {len(data)} bytes long, less than an Image's header"
    return "no arm64 Image: `ARM\\x64` is missing at offset 0x38"

# SPDX-License-Identifier: BSD-2-Clause
"""Small made-up kernels, pens and logbooks that the tests share."""

from __future__ import annotations

import random
import struct

from roundpen.contract import layout
from roundpen.contract.layout import CpuState, Field, Offer
from roundpen.image.header import Descriptor, ImageHeader

MZ = int.from_bytes(b"MZ\0\x91", "little")
BRANCH = 0x14000010
FLAGS_4K_ANYWHERE = 0b1010
BANNER = b"Linux version 6.1.0-test (me@here) #1 SMP\n"


def kernel(
    size: int = 0x5000,
    *,
    image_size: int = 0x9000,
    text_offset: int = 0,
    flags: int = FLAGS_4K_ANYWHERE,
    efi: bool = False,
) -> bytes:
    """An arm64 Image without a working kernel in it; `size` bytes long."""
    header = ImageHeader(
        MZ if efi else BRANCH, BRANCH, text_offset, image_size, flags, pe_offset=64 if efi else 0
    )
    body = random.Random(size).randbytes(size)
    out = bytearray(header.pack() + body[64:])
    out[0x400 : 0x400 + len(BANNER)] = BANNER
    if efi:
        out[64 : 64 + 24 + 40] = pe(size)
    return bytes(out)


def pe(size: int) -> bytes:
    """A PE header with one section that reaches to `size`."""
    section = struct.pack("<8s6I2HI", b".text", size, 0x1000, size - 0x1000, 0x1000, 0, 0, 0, 0, 0)
    return b"PE\0\0" + struct.pack("<2H3I2H", 0xAA64, 1, 0, 0, 0, 0, 0) + section


def pen(size: int = 0x3000, **changes: int) -> bytes:
    """What the build of the pen gives, with nothing useful in it."""
    fields = {
        "version": layout.DESCRIPTOR_VERSION,
        "offer": 0,
        "payload_offset": 0,
        "payload_size": 0,
        "payload_image_size": 0,
        "payload_text_offset": 0,
        "pen_size": size,
        "pen_footprint": 0x20000,
    }
    descriptor = Descriptor(**{**fields, **changes}).pack()
    header = ImageHeader(BRANCH, 0, 0, 0x20000, FLAGS_4K_ANYWHERE).pack()
    return (header + descriptor).ljust(size, b"\xaa")


def zboot(body: bytes, label: bytes, size: int | None = None) -> bytes:
    """An EFI zboot image around `body`."""
    start = 0x200
    head = struct.pack("<4s4s2I2I32s", b"MZ\0\0", b"zimg", start, size or len(body), 0, 0, label)
    return head.ljust(start, b"\0") + body + b"\0" * 64


def _fill(fields: tuple[Field, ...], size: int, values: dict[str, int]) -> bytes:
    out = bytearray(size)
    for field in fields:
        value = values.get(field.name, 0)
        out[field.offset : field.offset + field.size] = value.to_bytes(field.size, "little")
    return bytes(out)


def region(base: int = 0x1F0000, cpus: int = 4, **changes: int) -> bytes:
    """A reserved region as a pen leaves it while the kernel runs on all CPUs."""
    book = {
        "magic": int.from_bytes(layout.LOGBOOK_MAGIC, "little"),
        "version": layout.LOGBOOK_VERSION,
        "offer": Offer.PSCI.value,
        "entry_level": 2,
        "cpu_count": cpus,
        "base": base,
        "counter_frequency": 1_000_000,
        "entered_at": 1_000,
        "gather_ended_at": 1_500,
        "handed_over_at": 2_000,
        "reset_pokes": 1,
    }
    out = bytearray(layout.RESERVED_SIZE)
    start = layout.LOGBOOK_OFFSET
    out[start : start + layout.LOGBOOK_SIZE] = _fill(
        layout.LOGBOOK, layout.LOGBOOK_SIZE, {**book, **changes}
    )
    for index in range(cpus):
        start = layout.SLOT_OFFSET + index * layout.SLOT_SIZE
        out[start : start + layout.SLOT_SIZE] = slot(mpidr=index)
    return bytes(out)


def slot(**changes: int) -> bytes:
    """One CPU's slot."""
    values = {"state": CpuState.ON.value, "released": 3, "returned": 2, "event_at": 501_000}
    return _fill(layout.SLOT, layout.SLOT_SIZE, {**values, **changes})

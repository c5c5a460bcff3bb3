# SPDX-License-Identifier: BSD-2-Clause
"""Where loaders put an Image, and where what they keep free for it ends. Addresses physical."""

from __future__ import annotations

from dataclasses import dataclass

from roundpen.contract.layout import PAYLOAD_ALIGN
from roundpen.image.header import ImageHeader

RASPBERRY_PI = 0x80000
"""U-Boot's kernel_addr_r on a Raspberry Pi, where RAM begins at 0."""


@dataclass(frozen=True)
class Ends:
    """The first address behind an Image, its image_size counted."""

    booti_raspberry_pi: int
    """Address, when booti starts from RASPBERRY_PI."""
    behind_boundary: int
    """Bytes from the 2 MiB boundary that a loader takes as the base: text_offset + image_size."""


def booti_base(header: ImageHeader, address: int, ram: int) -> int:
    """Where U-Boot's booti wants an Image that stands at `address`, in RAM from `ram` on.

    Source: U-Boot 2023.01 and 2025.01, arch/arm/lib/image.c, booti_setup().
    """
    lowest = address - header.text_offset if header.anywhere else ram
    # In U-Boot a sum of unsigned longs: a text_offset above the address wraps around, twice.
    aligned = -(-lowest // PAYLOAD_ALIGN) * PAYLOAD_ALIGN
    return (aligned + header.text_offset) % (1 << 64)


def ends(header: ImageHeader) -> Ends:
    """Where the Image ends with the loaders that most boards have."""
    return Ends(
        booti_raspberry_pi=booti_base(header, RASPBERRY_PI, ram=0) + header.image_size,
        behind_boundary=header.text_offset + header.image_size,
    )

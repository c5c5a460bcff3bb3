# SPDX-License-Identifier: BSD-2-Clause
"""What U-Boot's `booti` does with memory, to the letter, before it jumps.

Pure: a `Memory` goes in and is changed as U-Boot changes it, mistakes included. It copies
image_size bytes, not the file's, and only afterwards looks whether that was somebody else's memory.

Source: U-Boot 2023.01 and 2025.01, arch/arm/lib/image.c, booti_setup(); cmd/booti.c,
booti_start(); boot/bootm.c, bootm_find_images().
"""

from __future__ import annotations

from dataclasses import dataclass

from roundpen.errors import UserError
from roundpen.image.header import HEADER_SIZE, ImageHeader
from roundpen.image.loading import booti_base

_TREE_MAGIC = b"\xd0\x0d\xfe\xed"


class Memory:
    """RAM: `size` bytes at physical address `start`, zero at first."""

    def __init__(self, start: int, size: int) -> None:
        """RAM of zeros."""
        self.start = start
        self._bytes = bytearray(size)

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + len(self._bytes)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at `address`. Raises UserError when they aren't all RAM."""
        at = self._offset(address, size)
        return bytes(self._bytes[at : at + size])

    def write(self, address: int, data: bytes) -> None:
        """Put `data` at `address`. Raises UserError when that isn't all RAM."""
        at = self._offset(address, len(data))
        self._bytes[at : at + len(data)] = data

    def _offset(self, address: int, size: int) -> int:
        if not self.start <= address <= address + size <= self.end:
            raise UserError(
                f"{size:#x} bytes at {address:#x}: outside the RAM at {self.start:#x} to "
                f"{self.end:#x}"
            )
        return address - self.start


@dataclass(frozen=True)
class Booted:
    """U-Boot jumps: `entry` with `tree` in x0; image_size bytes from `entry` are the kernel's."""

    entry: int
    image_size: int
    tree: int


@dataclass(frozen=True)
class Refused:
    """U-Boot is back at its prompt, with `why` on the console."""

    why: str


def booti(
    memory: Memory, kernel: int, initrd: tuple[int, int] | None, tree: int
) -> Booted | Refused:
    """`booti KERNEL INITRD:SIZE TREE`, with the files in `memory` already.

    `initrd`: address and bytes. Raises UserError when it would write outside of RAM.
    """
    header = ImageHeader.parse(memory.read(kernel, HEADER_SIZE))
    if header is None:
        return Refused("Bad Linux ARM64 Image magic!")
    entry = booti_base(header, kernel, memory.start)
    size = header.image_size
    if entry != kernel:
        memory.write(entry, memory.read(kernel, size))
    system = f"(OS={entry:#x}..{entry + size:#x})"
    if initrd and initrd[0] < entry + size and entry < initrd[0] + initrd[1]:
        return Refused(f"ERROR: RD image overlaps OS image {system}")
    if memory.read(tree, 4) != _TREE_MAGIC:
        return Refused("ERROR: Did not find a cmdline Flattened Device Tree")
    length = int.from_bytes(memory.read(tree + 4, 4), "big")
    # Its last byte's neighbour counts, as in U-Boot.
    if entry <= tree < entry + size or entry <= tree + length < entry + size:
        return Refused(f"ERROR: FDT image overlaps OS image {system}")
    return Booted(entry, size, tree)

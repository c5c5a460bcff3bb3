# SPDX-License-Identifier: BSD-2-Clause
"""The parameter block that one firmware binary reads, and the header made from it.

The only home of these numbers: C and assembly get them through `header()`. Offsets are bytes
from the start of the structure named, addresses are physical, on QEMU's `virt`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

VENDOR_BASE = 0x4010_0000
"""Behind the tree that QEMU itself puts at the start of RAM (up to 1 MiB of it)."""
VENDOR_PARAMS = 0x4018_0000
VENDOR_SIZE = 0x10_0000
"""All the RAM that the firmware keeps: code, stacks, parameters, release words."""

CPU_MAX = 256
STACK_SIZE = 0x400
ENTRIES_OFFSET = 0x100
ENTRY_SIZE = 0x40
WORDS_OFFSET = ENTRIES_OFFSET + CPU_MAX * ENTRY_SIZE
WORD_STRIDE = 8
"""Release words lie side by side, as they do at 0xd8 on a Raspberry Pi."""
BLOCK_SIZE = WORDS_OFFSET + CPU_MAX * WORD_STRIDE

RETURN_ENTRY = VENDOR_BASE + 0x1000
"""Where CPUs come home, if the firmware takes them back: `home`, behind its vectors."""
LIAR_ENTRY = VENDOR_BASE + 0x100
"""Where those CPUs come home that break the contract: `liar`."""
OWN_WORDS_OFFSET = 0x1_0000
OWN_WORDS = VENDOR_PARAMS + OWN_WORDS_OFFSET
OWN_WORD_STRIDE = 0x100
"""Slots of release words that carry a receipt: each alone in its cache writeback granule."""
OWN_WORD_MPIDR = 8
"""The MPIDR in such a slot, affinity bits only."""
TREE = 0x10
"""In the block's head: the address of the tree that the boot CPU is given."""
_NO_MORE_SLOTS = 2**64 - 1
"""In place of an MPIDR, behind the last slot."""

MAGIC = b"RNDVENDR"
FLAG_ABSENT_BIT = 0
FLAG_OTHER_LEVEL_BIT = 1
FLAG_RETURNS_BIT = 2
FLAG_NO_RECEIPT_BIT = 3
FLAG_DIRTY_BIT = 0
FLAG_NO_HVC_BIT = 1
"""The last two: of the machine, in the head of the block; the others: of a CPU."""

_HEAD = struct.Struct("<8sQQQQIIII")
_ENTRY = struct.Struct("<QQQQI4xQQ8x")

_HEADER_NAMES: dict[str, int] = {
    "VENDOR_BASE": VENDOR_BASE,
    "VENDOR_PARAMS": VENDOR_PARAMS,
    "CPU_MAX": CPU_MAX,
    "STACK_SIZE": STACK_SIZE,
    "ENTRIES_OFFSET": ENTRIES_OFFSET,
    "ENTRY_SIZE": ENTRY_SIZE,
    "FLAG_ABSENT_BIT": FLAG_ABSENT_BIT,
    "FLAG_OTHER_LEVEL_BIT": FLAG_OTHER_LEVEL_BIT,
    "FLAG_RETURNS_BIT": FLAG_RETURNS_BIT,
    "FLAG_NO_RECEIPT_BIT": FLAG_NO_RECEIPT_BIT,
    "FLAG_DIRTY_BIT": FLAG_DIRTY_BIT,
    "FLAG_NO_HVC_BIT": FLAG_NO_HVC_BIT,
    "PARAMS_IMAGE": 0x08,
    "PARAMS_TREE": TREE,
    "PARAMS_CPU_COUNT": 0x30,
    "ENTRY_MPIDR": 0x00,
    "ENTRY_WORD": 0x08,
    "ENTRY_TICKS": 0x18,
    "ENTRY_FLAGS": 0x20,
    "ENTRY_RECEIPT_TICKS": 0x30,
}


@dataclass(frozen=True)
class Cpu:
    """One CPU as the firmware sees it.

    mpidr: affinity bits only. word: the address of its release word. delay_us: how long it
    takes to obey the word, in microseconds. absent: it never looks. other_level: it leaves for
    the exception level (of 1 and 2) that the boot CPU does not get. returns: its release word
    follows the return contract. receipt_us: how long it is home before it writes the receipt;
    None: it never does.
    """

    mpidr: int
    word: int
    delay_us: int = 0
    absent: bool = False
    other_level: bool = False
    returns: bool = False
    receipt_us: int | None = 0

    @property
    def flags(self) -> int:
        """The flag bits of its entry."""
        return (
            self.absent << FLAG_ABSENT_BIT
            | self.other_level << FLAG_OTHER_LEVEL_BIT
            | self.returns << FLAG_RETURNS_BIT
            | (self.receipt_us is None) << FLAG_NO_RECEIPT_BIT
        )


def header() -> str:
    """The generated params.h, for C and assembly alike."""
    lines = ["/* SPDX-License-Identifier: BSD-2-Clause */", "/* Generated from params.py. */"]
    lines += [f"#define {name} {value:#x}" for name, value in _HEADER_NAMES.items()]
    return "\n".join(lines) + "\n"


def word_address(index: int) -> int:
    """Where release word `index` lies."""
    return VENDOR_PARAMS + WORDS_OFFSET + index * WORD_STRIDE


def own_word_address(index: int) -> int:
    """Where release word `index` lies, if it follows the return contract."""
    return OWN_WORDS + index * OWN_WORD_STRIDE


def block(
    cpus: Sequence[Cpu],
    *,
    image: int,
    tree: int,
    gic: int,
    gicd: int,
    gic_cpu: int,
    entry_level: int,
    dirty: bool = False,
    hvc: bool = True,
) -> bytes:
    """The bytes to load at VENDOR_PARAMS, release words (all 0) included.

    Loaded again at every reset of the machine, they also take back what was released before.
    `image`, `tree`, `gicd` and `gic_cpu` are addresses; cpus[0] is the boot CPU. `dirty`:
    registers that are UNKNOWN at a reset hold garbage. `hvc`: HVC is enabled, as booting.rst asks.
    """
    flags = dirty << FLAG_DIRTY_BIT | (not hvc) << FLAG_NO_HVC_BIT
    head = _HEAD.pack(MAGIC, image, tree, gicd, gic_cpu, gic, entry_level, len(cpus), flags)
    returning = any(cpu.returns for cpu in cpus)
    end = OWN_WORDS_OFFSET + (len(cpus) + 1) * OWN_WORD_STRIDE if returning else BLOCK_SIZE
    out = bytearray(end)
    out[: len(head)] = head
    for number, cpu in enumerate(cpus):
        packed = _ENTRY.pack(
            cpu.mpidr, cpu.word, cpu.delay_us, 0, cpu.flags, cpu.receipt_us or 0, 0
        )
        at = ENTRIES_OFFSET + number * ENTRY_SIZE
        out[at : at + ENTRY_SIZE] = packed
    if returning:
        mpidrs = [*(cpu.mpidr for cpu in cpus), _NO_MORE_SLOTS]
        for number, mpidr in enumerate(mpidrs):
            at = OWN_WORDS_OFFSET + number * OWN_WORD_STRIDE + OWN_WORD_MPIDR
            out[at : at + 8] = mpidr.to_bytes(8, "little")
    return bytes(out)

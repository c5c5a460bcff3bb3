# SPDX-License-Identifier: BSD-2-Clause
"""The constants that the pen, the tree and the tools share.

This module is their only home. `roundpen.contract.header` turns them into the
C and assembly header that the pen is compiled with; the tools read them here.

Offsets are bytes from the start of the structure named; sizes are bytes;
addresses are physical.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

CONTRACT_VERSION = 1

# --- The wrapped Image: a descriptor behind the 64-byte arm64 Image header ------------

DESCRIPTOR_OFFSET = 0x40
DESCRIPTOR_MAGIC = b"RNDPENWR"
DESCRIPTOR_VERSION = 2

PAYLOAD_ALIGN = 0x200000
"""The kernel wants a 2 MiB aligned base (booting.rst, "Call the kernel image")."""

WRAPPED_TEXT_OFFSET = 0x80000
"""text_offset of a wrapped Image: the loader leaves this much below it, and the kernel stands at
the next 2 MiB boundary. What every arm64 kernel had up to 5.7, so loaders know it, and U-Boot's
kernel_addr_r on a Raspberry Pi is this very address: there nothing is moved, and a wrapped kernel
ends where the plain one would."""

TREE_MAX = 0x200000
"""Largest device tree that booting.rst allows."""

# --- The reserved region: all that stays of the pen -----------------------------------

RESERVED_SIZE = 0x10000
RESERVED_ALIGN = 0x10000
"""A whole page of the largest kernel page size, so that any kernel can leave it unmapped."""

RESIDENT_OFFSET = 0x0
RESIDENT_MAX = 0x1800
RESIDENT_RETURN = 0x7F8
"""The return entry, what cpu-return-addr points to: the third of the doors in vectors.S."""
LOGBOOK_OFFSET = 0x1800
INDEX_OFFSET = 0x1C00
INDEX_ENTRIES = 512
SLOT_OFFSET = 0x2000
SLOT_SIZE = 0x100
"""Own cache writeback granule per CPU (contract, T4)."""
SLOT_MAX = 128
STACK_OFFSET = 0xA000
STACK_SIZE = 0xC0

LOGBOOK_MAGIC = b"RNDPENLB"
LOGBOOK_VERSION = 1

COMPATIBLE = "roundpen,pen-v1"
"""Of the /reserved-memory node; the number is CONTRACT_VERSION."""
CHOSEN_REFUSED = "roundpen,refused"
CHOSEN_OFFER = "roundpen,offer"
NODE_NAME = "roundpen"


class Offer(IntEnum):
    """Which door the pen opens for the kernel."""

    NONE = 0
    PSCI = 1
    RETURN = 2


class CpuState(IntEnum):
    """Where a CPU is. Pending states are states: nobody may act on a guess."""

    ABSENT = 0
    """Named in the tree, not (yet) seen in the pen."""
    OFF = 1
    """Parked in reserved memory, listening to its release word."""
    ON_PENDING = 2
    """Released by CPU_ON, not out of the pen yet."""
    ON = 3
    """In the kernel."""
    OFF_PENDING = 4
    """Called CPU_OFF, not parked yet."""
    FAILED = 5
    """Did not arrive in time; out of service for this boot."""
    WRONG_LEVEL = 6
    """Arrived at another exception level than the boot CPU; parked for ever."""
    DEAD = 7
    """Took an exception inside the pen; parked for ever."""


class Refusal(IntEnum):
    """Why the pen stepped aside. REFUSAL_TEXT has the words."""

    NONE = 0
    ENTRY_LEVEL = 1
    NO_SECONDARIES = 2
    PSCI_PRESENT = 3
    TREE_BAD = 4
    TREE_FULL = 5
    LIVE_PEN = 6
    TOO_MANY_CPUS = 7
    NOT_SPIN_TABLE = 8
    RELEASE_WORD_BAD = 9
    MEMORY_OVERLAP = 10
    MEMORY_OUTSIDE = 11
    CELLS_BAD = 12
    BOOT_CPU_UNKNOWN = 13
    DUPLICATE_CPU = 14
    OFFER_UNKNOWN = 15
    E2H_FIXED = 16
    GIC_V5 = 17
    RESERVATIONS_IGNORED = 18
    NO_HVC = 19
    FAULT = 20
    NO_ROOM = 21


REFUSAL_TEXT: dict[Refusal, str] = {
    Refusal.NONE: "",
    Refusal.ENTRY_LEVEL: "entry level: psci needs an entry at EL2, return at EL2 or EL1",
    Refusal.NO_SECONDARIES: "no secondaries: the tree names one usable CPU only",
    Refusal.PSCI_PRESENT: "PSCI is already there",
    Refusal.TREE_BAD: "device tree: missing, truncated or damaged",
    Refusal.TREE_FULL: "device tree: no room for the edits within 2 MiB",
    Refusal.LIVE_PEN: "a pen is already resident",
    Refusal.TOO_MANY_CPUS: "more CPUs than the pen has slots",
    Refusal.NOT_SPIN_TABLE: "a CPU has another enable-method than spin-table",
    Refusal.RELEASE_WORD_BAD: "a CPU has no usable cpu-release-addr",
    Refusal.MEMORY_OVERLAP: "the pen's memory overlaps the tree, the initrd or a reservation",
    Refusal.MEMORY_OUTSIDE: "the pen's memory is outside the RAM that the tree describes",
    Refusal.CELLS_BAD: "device tree: unusable #address-cells or #size-cells",
    Refusal.BOOT_CPU_UNKNOWN: "the boot CPU is not in the tree",
    Refusal.DUPLICATE_CPU: "two CPU nodes have the same MPIDR",
    Refusal.OFFER_UNKNOWN: "the image asks for an offer that this pen does not have",
    Refusal.E2H_FIXED: "this CPU's EL2 is always in VHE mode (HCR_EL2.E2H reads as one)",
    Refusal.GIC_V5: "the interrupt controller is a GICv5, which needs settings at EL2",
    Refusal.RESERVATIONS_IGNORED: "Linux ignores /reserved-memory as this tree has it",
    Refusal.NO_HVC: "HVC does not work here: firmware has not enabled it (SCR_EL3.HCE)",
    Refusal.FAULT: "an exception in the pen itself; the logbook has its registers",
    Refusal.NO_ROOM: "no memory that the tree leaves free has room for a copy of it",
}


@dataclass(frozen=True)
class Field:
    """One field of a structure: C name, byte offset, byte size, repetitions."""

    name: str
    offset: int
    size: int
    count: int = 1


DESCRIPTOR: tuple[Field, ...] = (
    Field("magic", 0x00, 8),
    Field("version", 0x08, 4),
    Field("offer", 0x0C, 4),
    Field("payload_offset", 0x10, 8),
    Field("payload_size", 0x18, 8),
    Field("payload_image_size", 0x20, 8),
    Field("payload_text_offset", 0x28, 8),
    Field("pen_size", 0x30, 8),
    Field("pen_footprint", 0x38, 8),
)
"""payload_offset counts from the start of the wrapped Image and already contains the kernel's
own text_offset. pen_size: the pen's bytes in the file; pen_footprint: with its bss and stack.
The tools fill everything between `offer` and `payload_text_offset`; the linker fills the last
two."""

DESCRIPTOR_SIZE = 0x40

LOGBOOK: tuple[Field, ...] = (
    Field("magic", 0x00, 8),
    Field("version", 0x08, 4),
    Field("offer", 0x0C, 4),
    Field("entry_level", 0x10, 4),
    Field("refusal", 0x14, 4),
    Field("cpu_count", 0x18, 4),
    Field("boot_cpu", 0x1C, 4),
    Field("base", 0x20, 8),
    Field("counter_frequency", 0x28, 8),
    Field("entered_at", 0x30, 8),
    Field("gather_began_at", 0x38, 8),
    Field("gather_ended_at", 0x40, 8),
    Field("handed_over_at", 0x48, 8),
    Field("stepped_aside", 0x50, 4),
    Field("stepped_aside_reason", 0x54, 4),
    Field("strangers", 0x58, 4),
    Field("hash_shift", 0x5C, 4),
    Field("hash_multiplier", 0x60, 8),
    Field("lock_x", 0x68, 4),
    Field("lock_y", 0x6C, 4),
    Field("lock_turn", 0x70, 4),
    Field("off_pokes", 0x74, 4),
    Field("reset_pokes", 0x78, 4),
    Field("off_poke", 0x80, 16, 3),
    Field("reset_poke", 0xB0, 16, 3),
    Field("fault_syndrome", 0xE0, 8),
    Field("fault_instruction", 0xE8, 8),
    Field("fault_address", 0xF0, 8),
)
"""strangers: CPUs that came through a release word without being in the tree (a hint, not
an exact count: they have no lock). off_pokes/reset_pokes: how many register writes stand in
the tables behind them; 0 means that the board names no means. A poke is u64 address,
u32 keep, u32 set: new = (old & keep) | set. fault_*: ESR, the instruction's offset in pen.elf
and FAR of an exception in boot/."""

LOGBOOK_SIZE = 0xF8

SLOT: tuple[Field, ...] = (
    Field("release", 0x00, 8),
    Field("context", 0x08, 8),
    Field("mpidr", 0x10, 8),
    Field("state", 0x18, 4),
    Field("barred", 0x1C, 4),
    Field("released", 0x20, 8),
    Field("returned", 0x28, 8),
    Field("event_at", 0x30, 8),
    Field("arrived_at", 0x38, 8),
    Field("trap_syndrome", 0x40, 8),
    Field("trap_address", 0x48, 8),
    Field("lock_busy", 0x50, 4),
    Field("lock_wants", 0x54, 4),
)
"""release: the release word of contract.md; 0 = parked. barred: 1 once the gather gave up
on this CPU. released/returned: how often the CPU was handed to a kernel and came back.
event_at/arrived_at: CNTPCT_EL0. trap_*: ESR and ELR of the last unexpected exception at EL2."""

# SPDX-License-Identifier: BSD-2-Clause
"""The reserved region as the search sees it: words that CPUs share, own words, constants.

Only accesses to shared words are steps of the search. That the rest is what it is said to be
(constant, or its owner's alone) is not assumed: every other access ends the search.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from roundpen.contract import layout
from roundpen.contract.layout import CpuState, Field, Offer

BASE = 0x4000_0000
"""Where the region is put: any 64 KiB aligned address will do."""
LOCK = ("lock_x", "lock_y", "lock_turn")
SHARED = ("release", "context", "state", "lock_busy", "lock_wants")
OWN = ("released", "returned", "event_at", "arrived_at", "trap_syndrome", "trap_address")

_SLOT = {field.name: field for field in layout.SLOT}
_LOGBOOK = {field.name: field for field in layout.LOGBOOK}
_MULTIPLIER = 0x9E37_79B9_7F4A_7C15
"""2^64 by the golden ratio, the first that boot/ tries (pen/boot/region.c)."""


@dataclass(frozen=True)
class Word:
    """One shared word. `cpu`: whose slot it is in, None: the logbook's. Offset, size: bytes."""

    offset: int
    size: int
    cpu: int | None
    field: str

    @property
    def name(self) -> str:
        """In the contract's words."""
        return self.field if self.cpu is None else f"CPU {self.cpu}'s {self.field}"

    def show(self, value: int) -> str:
        """A value of this word for people."""
        if self.field == "state" and value in CpuState.__members__.values():
            return CpuState(value).name
        return f"{value:#x}" if value > 9 else str(value)


@dataclass(frozen=True)
class Region:
    """Which words `cpus` CPUs share, and what stands in the region at first."""

    cpus: int
    offer: Offer
    entry_level: int
    words: tuple[Word, ...]
    index: dict[int, int]
    """Offset in bytes -> place in `words`."""

    def at(self, cpu: int | None, field: str) -> int:
        """The place in `words` of a field of a slot, or of the logbook's."""
        offset = logbook_offset(field) if cpu is None else slot_offset(cpu, field)
        return self.index[offset]


def slot_offset(cpu: int, field: str) -> int:
    """Bytes from the region's start."""
    return layout.SLOT_OFFSET + cpu * layout.SLOT_SIZE + _SLOT[field].offset


def logbook_offset(field: str) -> int:
    """Bytes from the region's start."""
    return layout.LOGBOOK_OFFSET + _LOGBOOK[field].offset


def own_offsets(cpu: int) -> dict[int, str]:
    """Offset of each word of the slot that only its CPU may touch."""
    return {slot_offset(cpu, field): field for field in OWN}


def own_size(field: str) -> int:
    """Bytes."""
    return _SLOT[field].size


def region(cpus: int, offer: Offer, entry_level: int = 2, *, barred: bool = False) -> Region:
    """The region of a machine; `barred`: boot/ still decides who came in time."""
    fields = [*SHARED, "barred"] if barred else [*SHARED]
    words = [Word(slot_offset(c, f), _SLOT[f].size, c, f) for c in range(cpus) for f in fields]
    words += [Word(logbook_offset(f), _LOGBOOK[f].size, None, f) for f in LOCK]
    index = {word.offset: place for place, word in enumerate(words)}
    return Region(cpus, offer, entry_level, tuple(words), index)


def mpidr(cpu: int) -> int:
    """Affinity fields of a CPU: two to a cluster, so that they are no index."""
    return (cpu >> 1) << 8 | cpu & 1


def fill(area: Region, code: bytes) -> bytes:
    """The region as boot/ leaves it: code, logbook header, index, slots."""
    data = bytearray(layout.RESERVED_SIZE)
    data[: len(code)] = code
    data[layout.RESIDENT_MAX : layout.RESERVED_SIZE] = bytes(
        layout.RESERVED_SIZE - layout.RESIDENT_MAX
    )
    bits = layout.INDEX_ENTRIES.bit_length() - 1
    header = {
        "magic": int.from_bytes(layout.LOGBOOK_MAGIC, "little"),
        "version": layout.LOGBOOK_VERSION,
        "offer": area.offer.value,
        "entry_level": area.entry_level,
        "cpu_count": area.cpus,
        "base": BASE,
        "hash_shift": 64 - bits,
        "hash_multiplier": _MULTIPLIER,
    }
    _store(data, layout.LOGBOOK_OFFSET, layout.LOGBOOK, header.items())
    for cpu in range(area.cpus):
        start = layout.SLOT_OFFSET + cpu * layout.SLOT_SIZE
        _store(data, start, layout.SLOT, [("mpidr", mpidr(cpu))])
        place = (mpidr(cpu) * _MULTIPLIER & (1 << 64) - 1) >> 64 - bits
        while data[layout.INDEX_OFFSET + place]:
            place = (place + 1) % layout.INDEX_ENTRIES
        data[layout.INDEX_OFFSET + place] = cpu + 1
    return bytes(data)


def _store(
    data: bytearray, start: int, fields: tuple[Field, ...], values: Iterable[tuple[str, int]]
) -> None:
    known = {field.name: field for field in fields}
    for name, value in values:
        field = known[name]
        at = start + field.offset
        data[at : at + field.size] = value.to_bytes(field.size, "little")

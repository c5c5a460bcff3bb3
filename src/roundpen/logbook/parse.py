# SPDX-License-Identifier: BSD-2-Clause
"""From the bytes of the pen's reserved region to a `Logbook`.

The bytes are untrusted: they come from a memory dump or from memory that something may have
overwritten, so every field is checked before it is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from roundpen.contract import layout
from roundpen.contract.layout import CpuState, Field, Offer, Refusal
from roundpen.errors import UserError

_Member = TypeVar("_Member", Offer, CpuState, Refusal)
_HARDWARE_MPIDR = 0xFF_00FF_FFFF
_LEVELS = (1, 2, 3)


@dataclass(frozen=True)
class CpuEntry:
    """One CPU's slot.

    `mpidr`: affinity fields only. `released`, `returned`: how often the CPU went to a kernel
    and came back. `event_at`, `arrived_at`: CNTPCT_EL0 ticks. `trap_syndrome`, `trap_address`:
    ESR and ELR of the last unexpected exception inside the pen, 0 when there was none.
    """

    index: int
    mpidr: int
    state: CpuState
    release: int
    released: int
    returned: int
    event_at: int
    arrived_at: int
    trap_syndrome: int
    trap_address: int
    is_boot: bool


@dataclass(frozen=True)
class Logbook:
    """What the pen recorded. Times are CNTPCT_EL0 ticks, addresses physical.

    `offer` is NONE and `refusal` says why when the pen stepped aside at boot; `stepped_aside`
    counts wrapped kernels that found this pen live and left everything to it.
    """

    base: int
    version: int
    offer: Offer
    entry_level: int
    refusal: Refusal
    counter_frequency: int
    entered_at: int
    gather_began_at: int
    gather_ended_at: int
    handed_over_at: int
    stepped_aside: int
    stepped_aside_reason: Refusal
    strangers: int
    can_power_off: bool
    can_reset: bool
    fault_syndrome: int
    fault_instruction: int
    fault_address: int
    cpus: tuple[CpuEntry, ...]

    @property
    def reason(self) -> str:
        """Why the pen stepped aside, in words; empty when it didn't."""
        return layout.REFUSAL_TEXT[self.refusal]

    def seconds(self, ticks: int) -> float | None:
        """`ticks` since the pen was entered as seconds; None when that can't be said."""
        if not self.counter_frequency or not ticks or ticks < self.entered_at:
            return None
        return (ticks - self.entered_at) / self.counter_frequency


class _Record:
    """One structure of the contract over its bytes."""

    def __init__(self, fields: Sequence[Field], data: bytes, name: str) -> None:
        self._fields = {field.name: field for field in fields}
        self._data = data
        self._name = name

    def number(self, name: str) -> int:
        field = self._fields[name]
        return int.from_bytes(self._data[field.offset : field.offset + field.size], "little")

    def flag(self, name: str) -> bool:
        return self.number(name) != 0

    def member(self, name: str, kind: type[_Member]) -> _Member:
        value = self.number(name)
        try:
            return kind(value)
        except ValueError as error:
            raise self.bad(name, value, f"0 to {max(kind)}") from error

    def bounded(self, name: str, low: int, high: int) -> int:
        value = self.number(name)
        if not low <= value <= high:
            raise self.bad(name, value, f"{low} to {high}")
        return value

    def bad(self, name: str, value: int, expected: str) -> UserError:
        return UserError(
            f"{self._name}: {name} is {value:#x}, expected {expected}",
            remedy="the memory was overwritten or this is another pen's logbook",
        )


def has_magic(region: bytes) -> bool:
    """Whether a logbook's magic number stands at its place in `region`."""
    start = layout.LOGBOOK_OFFSET
    return region[start : start + len(layout.LOGBOOK_MAGIC)] == layout.LOGBOOK_MAGIC


def parse(region: bytes, *, base: int | None = None) -> Logbook:
    """Read the logbook in the reserved region's bytes (64 KiB, from its first byte on).

    `base` is the physical address that the region was read from, where that is known. Raises
    UserError that names the field when something can't be true.
    """
    if len(region) < layout.RESERVED_SIZE:
        raise UserError(
            f"logbook: {len(region):#x} bytes of the region, expected {layout.RESERVED_SIZE:#x}",
            remedy="read the whole region",
        )
    if not has_magic(region):
        raise UserError(
            f"logbook: no magic number at offset {layout.LOGBOOK_OFFSET:#x} of the region",
            remedy="give the region's bytes from its first one on",
        )
    start = layout.LOGBOOK_OFFSET
    record = _Record(layout.LOGBOOK, region[start : start + layout.LOGBOOK_SIZE], "logbook")
    record.bounded("version", layout.LOGBOOK_VERSION, layout.LOGBOOK_VERSION)
    _check_base(record, base)
    return _logbook(record, _cpus(record, region))


def _check_base(record: _Record, known: int | None) -> None:
    found = record.number("base")
    if found % layout.RESERVED_ALIGN:
        raise record.bad("base", found, f"a multiple of {layout.RESERVED_ALIGN:#x}")
    if known is not None and found != known:
        raise record.bad("base", found, f"{known:#x}, where the region is")


def _cpus(record: _Record, region: bytes) -> tuple[CpuEntry, ...]:
    count = record.bounded("cpu_count", 0, layout.SLOT_MAX)
    boot = record.bounded("boot_cpu", 0, max(count - 1, 0))
    return tuple(_cpu(region, index, index == boot) for index in range(count))


def _cpu(region: bytes, index: int, is_boot: bool) -> CpuEntry:
    start = layout.SLOT_OFFSET + index * layout.SLOT_SIZE
    slot = _Record(layout.SLOT, region[start : start + layout.SLOT_SIZE], f"logbook, CPU {index}")
    mpidr = slot.number("mpidr")
    if mpidr & ~_HARDWARE_MPIDR:
        raise slot.bad("mpidr", mpidr, "affinity fields only")
    return CpuEntry(
        index=index,
        mpidr=mpidr,
        state=slot.member("state", CpuState),
        release=slot.number("release"),
        released=slot.number("released"),
        returned=slot.number("returned"),
        event_at=slot.number("event_at"),
        arrived_at=slot.number("arrived_at"),
        trap_syndrome=slot.number("trap_syndrome"),
        trap_address=slot.number("trap_address"),
        is_boot=is_boot,
    )


def _logbook(record: _Record, cpus: tuple[CpuEntry, ...]) -> Logbook:
    return Logbook(
        base=record.number("base"),
        version=record.number("version"),
        offer=record.member("offer", Offer),
        entry_level=record.bounded("entry_level", _LEVELS[0], _LEVELS[-1]),
        refusal=record.member("refusal", Refusal),
        counter_frequency=record.number("counter_frequency"),
        entered_at=record.number("entered_at"),
        gather_began_at=record.number("gather_began_at"),
        gather_ended_at=record.number("gather_ended_at"),
        handed_over_at=record.number("handed_over_at"),
        stepped_aside=record.number("stepped_aside"),
        stepped_aside_reason=record.member("stepped_aside_reason", Refusal),
        strangers=record.number("strangers"),
        can_power_off=record.flag("off_pokes"),
        can_reset=record.flag("reset_pokes"),
        fault_syndrome=record.number("fault_syndrome"),
        fault_instruction=record.number("fault_instruction"),
        fault_address=record.number("fault_address"),
        cpus=cpus,
    )

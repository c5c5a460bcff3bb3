# SPDX-License-Identifier: BSD-2-Clause
"""What a device tree says of a board, as typed facts. Values only: nothing here reads a tree.

Addresses and sizes are bytes, addresses physical. Words: docs/architecture.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple

MPIDR_AFFINITY = 0xFF_00FF_FFFF
"""Aff3, Aff2, Aff1 and Aff0 of MPIDR_EL1; all other bits of a CPU's id have to be 0."""
WORD_SIZE = 8
"""Bytes of a release word."""


BLOCK = "/memreserve/"
"""Stands for a path where the header's reservation block is meant."""


class Range(NamedTuple):
    """Memory from `start` up to but not including `end`; `end` may be 2^64."""

    start: int
    end: int

    def __str__(self) -> str:
        """As the kernel's log writes it: both ends inclusive."""
        return f"{self.start:#x}-{self.end - 1:#x}" if self.end > self.start else "empty"

    def overlaps(self, other: Range) -> bool:
        """Do the two have a byte in common?"""
        return self.start < other.end and other.start < self.end

    def holds(self, other: Range) -> bool:
        """Is all of `other` in here?"""
        return self.start <= other.start and other.end <= self.end


class Address(NamedTuple):
    """A property that should be an address of two cells (u64): its bytes, and what they say."""

    raw: bytes

    @property
    def value(self) -> int | None:
        """The address; None when the property is not 8 bytes long."""
        return int.from_bytes(self.raw, "big") if len(self.raw) == 8 else None


@dataclass(frozen=True, slots=True)
class Cpu:
    """One node of /cpus that Linux takes for a CPU.

    `id_cells` is `#address-cells` of /cpus; `hwid` is `reg`, None when that is not that long.
    `method` counts from /cpus when `method_inherited`. `method` None: neither has one.
    """

    path: str
    unit: str | None
    hwid: int | None
    method: str | None
    method_inherited: bool
    release: Address | None
    returns_to: Address | None
    status: str | None
    is_boot: bool

    @property
    def spins(self) -> bool:
        """Is it started from a spin-table?"""
        return self.method == "spin-table"

    @property
    def failed(self) -> bool:
        """Is it marked as failed, so that Linux leaves it out (since 5.18)?"""
        return self.status is not None and self.status.startswith("fail")

    @property
    def word(self) -> int | None:
        """Address of its release word; None when there is none or it is 0."""
        return (self.release.value or None) if self.release else None

    @property
    def entry(self) -> int | None:
        """Its return entry; None when there is none or it is 0."""
        return (self.returns_to.value or None) if self.returns_to else None


@dataclass(frozen=True, slots=True)
class Reserved:
    """Memory that the tree keeps from the OS; `path` is "/memreserve/" for the header's block."""

    path: str
    range: Range
    no_map: bool


@dataclass(frozen=True, slots=True)
class Psci:
    """A node that promises PSCI, whether it is enabled or not."""

    path: str
    compatible: tuple[str, ...]
    method: str | None
    enabled: bool
    cpu_off: bool
    """Has it a function id for CPU_OFF? Only PSCI 0.1 needs one."""


class Gic(NamedTuple):
    """An interrupt controller: its node, and its generation (2, 3)."""

    path: str
    version: int


class Trouble(NamedTuple):
    """A node whose cells or `reg` could not be used, and why."""

    path: str
    prop: str
    found: str
    expected: str


class Kind(Enum):
    """What sort of tree it is."""

    BOARD = "board"
    OVERLAY = "overlay"


@dataclass(frozen=True)
class Board:
    """All that the rules and routes need to know of a tree."""

    name: str
    kind: Kind = Kind.BOARD
    model: str | None = None
    compatible: tuple[str, ...] = ()
    size: int = 0
    """Bytes of the DTB."""
    cpus: tuple[Cpu, ...] = ()
    cpu_map: tuple[tuple[str, int | None], ...] = ()
    """Each `cpu` of the cpu-map: the path of the map's node; the index in `cpus` or None."""
    memory: tuple[Range, ...] = ()
    """RAM that belongs to the OS; empty when the loader is to fill it in."""
    reserved: tuple[Reserved, ...] = ()
    psci: tuple[Psci, ...] = ()
    gics: tuple[Gic, ...] = ()
    its: tuple[str, ...] = ()
    """Paths of the enabled GICv3 interrupt translation services."""
    efi: bool = False
    """Does /chosen name an EFI system table?"""
    pen_offer: str | None = None
    pen_refused: str | None = None
    troubles: tuple[Trouble, ...] = ()
    """What could not be read where the rules would have looked."""
    reservations_ignored: str | None = None
    """Why Linux ignores all of /reserved-memory; None when it does not."""

    @property
    def usable(self) -> tuple[Cpu, ...]:
        """The CPUs that the tree does not mark as failed."""
        return tuple(cpu for cpu in self.cpus if not cpu.failed)

    @property
    def secondaries(self) -> tuple[Cpu, ...]:
        """The usable CPUs that somebody has to start."""
        return tuple(cpu for cpu in self.usable if not cpu.is_boot)

    @property
    def spinning(self) -> tuple[Cpu, ...]:
        """The secondaries that are started from a spin-table."""
        return tuple(cpu for cpu in self.secondaries if cpu.spins)

    def in_ram(self, wanted: Range) -> bool | None:
        """Is all of `wanted` in RAM? None when the tree does not say what is RAM."""
        if not self.memory:
            return None
        near = _nearest(self._ram, wanted)
        return near is not None and near.holds(wanted)

    def kept(self, wanted: Range, *, no_map: bool = False) -> bool:
        """Is all of `wanted` reserved (`no_map`: and never mapped)?"""
        near = _nearest(self._unmapped if no_map else self._reserved, wanted)
        return near is not None and near.holds(wanted)

    def kept_partly(self, wanted: Range) -> bool:
        """Is some of `wanted` reserved, and some not?"""
        near = _nearest(self._reserved, wanted)
        return near is not None and not near.holds(wanted)

    def touched(self, wanted: Range) -> bool:
        """Is any of `wanted` reserved?"""
        return _nearest(self._reserved, wanted) is not None

    @cached_property
    def no_map_lost(self) -> tuple[Reserved, ...]:
        """The no-map regions that Linux 6.1 maps nevertheless.

        It takes the header's reservation block first, and then refuses no-map for memory that
        is reserved already (drivers/of/fdt.c, early_init_dt_reserve_memory()).
        """
        block = _union(entry.range for entry in self.reserved if entry.path == BLOCK)
        return tuple(
            entry for entry in self.reserved if entry.no_map and _nearest(block, entry.range)
        )

    @cached_property
    def _ram(self) -> list[Range]:
        return _union(self.memory)

    @cached_property
    def _reserved(self) -> list[Range]:
        return _union(entry.range for entry in self.reserved)

    @cached_property
    def _unmapped(self) -> list[Range]:
        lost = set(self.no_map_lost)
        return _union(entry.range for entry in self.reserved if entry.no_map and entry not in lost)


def _union(ranges: Iterable[Range]) -> list[Range]:
    """The same memory in as few ranges as possible, in order."""
    merged: list[Range] = []
    for piece in sorted(ranges):
        if merged and piece.start <= merged[-1].end:
            merged[-1] = Range(merged[-1].start, max(merged[-1].end, piece.end))
        else:
            merged.append(piece)
    return merged


def _nearest(union: list[Range], wanted: Range) -> Range | None:
    """The first range of a union that overlaps `wanted`."""
    at = bisect_right(union, wanted.start, key=lambda piece: piece.end)
    return union[at] if at < len(union) and union[at].overlaps(wanted) else None

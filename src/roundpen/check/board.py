# SPDX-License-Identifier: BSD-2-Clause
"""What a device tree says of a board, as typed facts. Values only: nothing here reads a tree.

Addresses and sizes are bytes, addresses physical. Words: docs/architecture.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
        """The address: the first 8 bytes, as Linux reads it; None when there are fewer."""
        return int.from_bytes(self.raw[:WORD_SIZE], "big") if len(self.raw) >= WORD_SIZE else None


class ReleaseState(Enum):
    """What a CPU's cpu-release-addr is: three ways to have none that can be used, and one."""

    ABSENT = "absent"
    """No such property; a loader often adds it. Linux never makes the CPU possible."""
    MALFORMED = "malformed"
    """Shorter than 8 bytes. Linux never makes the CPU possible."""
    ZERO = "zero"
    """A loader often fills it in. To Linux the CPU is possible, and never present."""
    USABLE = "usable"
    """An address. Linux writes to it, wherever it is and however it is aligned."""


class Excluded(Enum):
    """Why Linux never makes a CPU possible (docs/reading.md)."""

    FAILED = "its status is fail"
    NO_ID = "reg is missing, or shorter than one address"
    STRAY_BITS = "its id has bits outside of the affinity fields of MPIDR_EL1"
    DUPLICATE = "an earlier CPU has the same id"
    BOOT_CPU_MISSING = "the boot CPU is not in the tree, so Linux enables no other"
    NO_METHOD = "it has no enable-method"
    UNKNOWN_METHOD = "its enable-method is none that Linux knows"
    NO_WORD = "it has no cpu-release-addr"
    SHORT_WORD = "its cpu-release-addr is shorter than 8 bytes"


class BootEvidence(Enum):
    """How it is known which CPU the boot CPU is. Linux asks MPIDR_EL1; a file has none."""

    TOLD = "the running system says so"
    ALONE = "no other CPU can be it"
    METHOD = "it alone has another enable-method than the others, or none"
    HEADER = "boot_cpuid_phys in the tree's header names it, and it is not the first"
    ASSUMED = "nothing says so: it comes first, or has the id 0"
    MISSING = "no CPU node can be the boot CPU"


@dataclass(frozen=True, slots=True)
class Cpu:
    """One node of /cpus that Linux takes for a CPU, with what Linux reads for it.

    `hwid` is its id, from the first cells of `reg`; None when Linux can read none. `number` is
    the logical CPU number that Linux gives it: counted in the tree's order, the boot CPU is 0, and
    CPUs that are left out for their id use up a number as well; None when it has none.
    `method` None: the node has none. `inherited` is then what /cpus says, which Linux ignores.
    `excluded`: why Linux never makes it possible; None for the boot CPU and for those that it does.
    """

    path: str
    unit: str | None
    hwid: int | None
    method: str | None
    inherited: str | None
    release: Address | None
    returns_to: Address | None
    status: str | None
    failed: bool
    """Is it marked as failed ("fail" or "fail-..."), so that Linux leaves it out (since 5.18)?"""
    is_boot: bool
    number: int | None
    excluded: Excluded | None
    read_at: str
    """The path of the node that Linux takes method and release address from: another than `path`
    only when that one, earlier in the tree, has this CPU's id further on in its reg."""

    @property
    def possible(self) -> bool:
        """Does Linux count it (cpu_possible_mask), which is what kexec's answer depends on?"""
        return self.is_boot or self.excluded is None

    @property
    def method_inherited(self) -> bool:
        """Has only /cpus an enable-method for it? Linux on arm64 does not look there."""
        return self.method is None and self.inherited is not None

    @property
    def release_state(self) -> ReleaseState:
        """Which of the four its cpu-release-addr is."""
        if self.release is None:
            return ReleaseState.ABSENT
        if self.release.value is None:
            return ReleaseState.MALFORMED
        return ReleaseState.USABLE if self.release.value else ReleaseState.ZERO

    @property
    def spins(self) -> bool:
        """Is it started from a spin-table?"""
        return self.method == "spin-table"

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
    matched: str
    """The string by which Linux takes it: the first of `compatible` that it knows."""
    method: str | None
    """As Linux reads it: None when it is missing, empty or has no end."""
    enabled: bool
    cpu_on: bool
    cpu_off: bool
    """Can Linux call it? PSCI 0.1 needs a function id in the node, later ones do not."""


class Gic(NamedTuple):
    """An interrupt controller: its node, and its generation (2, 3, 5)."""

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
    id_cells: int | None = None
    """Cells of a CPU's id, as Linux counts them; None without /cpus."""
    cpu_map: tuple[tuple[str, int | None], ...] = ()
    """Each `cpu` of the cpu-map: the path of the map's node; the index in `cpus` or None."""
    cpu_map_elsewhere: tuple[str, ...] = ()
    """Paths of the nodes called cpu-map that are not children of /cpus: Linux never finds them."""
    boot_evidence: BootEvidence = BootEvidence.MISSING
    memory: tuple[Range, ...] = ()
    """RAM that belongs to the OS; empty when the loader is to fill it in."""
    reserved: tuple[Reserved, ...] = ()
    psci: tuple[Psci, ...] = ()
    """In the tree's order. Linux looks at the first only: see `taken_psci`."""
    gics: tuple[Gic, ...] = ()
    its: tuple[str, ...] = ()
    """Paths of the enabled GICv3 interrupt translation services."""
    cpu_0_only: tuple[str, ...] = ()
    """Paths of interrupt controllers with whose driver a kernel has to be booted on CPU 0."""
    registers: Mapping[int, str] = field(default_factory=dict)
    """The release words that are in a device's `reg`, and the path of the device."""
    refused_states: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By a CPU's path: the names of its idle states that the pen takes out of the tree."""
    efi: bool = False
    """Does /chosen name an EFI system table?"""
    pen_offer: str | None = None
    pen_refused: str | None = None
    troubles: tuple[Trouble, ...] = ()
    """What could not be read where the rules would have looked."""
    reservations_ignored: str | None = None
    """Why Linux ignores all of /reserved-memory; None when it does not."""

    @property
    def boot(self) -> Cpu | None:
        """The boot CPU, as far as `boot_evidence` goes; None when it is not in the tree."""
        return next((cpu for cpu in self.cpus if cpu.is_boot), None)

    @property
    def boot_known(self) -> bool:
        """Does anything but habit say which CPU the boot CPU is?"""
        return self.boot_evidence not in (BootEvidence.ASSUMED, BootEvidence.MISSING)

    @property
    def usable(self) -> tuple[Cpu, ...]:
        """The CPUs that the tree does not mark as failed."""
        return tuple(cpu for cpu in self.cpus if not cpu.failed)

    @property
    def possible(self) -> tuple[Cpu, ...]:
        """The CPUs of the tree that Linux counts: the boot CPU, and those that it may start."""
        return tuple(cpu for cpu in self.cpus if cpu.possible)

    @property
    def secondaries(self) -> tuple[Cpu, ...]:
        """The usable CPUs that somebody has to start: for what the tree *should* say of them."""
        return tuple(cpu for cpu in self.usable if not cpu.is_boot)

    @property
    def possible_secondaries(self) -> tuple[Cpu, ...]:
        """The secondaries that Linux counts: for what Linux will do."""
        return tuple(cpu for cpu in self.secondaries if cpu.possible)

    @property
    def spinning(self) -> tuple[Cpu, ...]:
        """The secondaries of a spin-table, those included that lack only a release address."""
        lacking = (None, Excluded.NO_WORD, Excluded.SHORT_WORD)
        return tuple(cpu for cpu in self.secondaries if cpu.spins and cpu.excluded in lacking)

    @property
    def taken_psci(self) -> Psci | None:
        """The PSCI node that Linux takes: the first of the tree, if that one is enabled."""
        return self.psci[0] if self.psci and self.psci[0].enabled else None

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

    def reservation(self, wanted: Range) -> Range | None:
        """The reserved memory around `wanted`, as one range; None when none of it is reserved."""
        return _nearest(self._reserved, wanted)

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

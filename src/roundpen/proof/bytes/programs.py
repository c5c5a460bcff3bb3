# SPDX-License-Identifier: BSD-2-Clause
"""What runs outside of the pen: firmware, boot/'s half of the gather, kernels. Pure.

Kernels do as they please: from each place all that they may do next is tried, for ever, in any
order. Nothing obliges them to do anything, except to finish what the contract has them begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from roundpen.contract.layout import CpuState
from roundpen.proof.bytes import binary, words
from roundpen.proof.bytes.node import AFFINITY_INFO, CPU_OFF, CPU_ON, Call, Door, Event, Kind, Node
from roundpen.proof.bytes.unfold import Events, Place

TREE = 0x4800_0000
FIRST_KERNEL = 0x8000_0000
SECOND_KERNEL = 0x9000_0000
"""Addresses outside of the region."""
RETURNING = 1
"""What a kernel writes into its CPU's release word before it leaves (docs/contract.md)."""

_FIRMWARE: Place = ("firmware",)
_KERNEL: Place = ("kernel",)


def entry_of(caller: int) -> int:
    """The entry that `caller` names in its CPU_ONs, so that one knows whose it was."""
    return FIRST_KERNEL + 0x1000 * (caller + 1)


def context_of(caller: int) -> int:
    """The context that `caller` names."""
    return 0xC00 + caller


def on(caller: int, target: int) -> Call:
    """CPU_ON."""
    arguments = (words.mpidr(target), entry_of(caller), context_of(caller))
    return Call(CPU_ON, target, arguments)


def info(target: int) -> Call:
    """AFFINITY_INFO of the one CPU."""
    return Call(AFFINITY_INFO, target, (words.mpidr(target), 0, 0))


def off(caller: int) -> Call:
    """CPU_OFF."""
    return Call(CPU_OFF, caller)


@dataclass(frozen=True)
class Kernel:
    """A CPU under `psci`: in by `door`; makes the `first` calls in order, then any of `calls`."""

    door: int
    calls: tuple[Call, ...]
    first: tuple[Call, ...] = ()

    def start(self) -> Place:
        """In the firmware."""
        return _FIRMWARE

    def node(self, place: Place) -> Node:
        """A choice."""
        if place == _FIRMWARE:
            return Node(Kind.CHOOSE, False, text="comes from the firmware", willing=True)
        if place[0] == "first":
            return Node(Kind.CHOOSE, False, text="calls", willing=True)
        return Node(Kind.CHOOSE, False, options=len(self.calls), text="calls")

    def after(self, place: Place, value: int) -> tuple[Place | Call | Door, Events]:
        """Into the pen."""
        if place == _FIRMWARE:
            return Door(self.door), ()
        return (self._first(place) if place[0] == "first" else self.calls[value]), ()

    def _first(self, place: Place) -> Call:
        number = place[1]
        assert isinstance(number, int)
        return self.first[number]

    def entered(self, entry: int, context: int) -> Place:
        """At the kernel's entry."""
        return ("first", 0) if self.first else _KERNEL

    def answered(self, place: Place, result: int) -> Place:
        """Back in the kernel."""
        if place[0] == "first" and place != ("first", len(self.first) - 1):
            assert isinstance(place[1], int)
            return ("first", place[1] + 1)
        return _KERNEL


@dataclass(frozen=True)
class Gatherer(Kernel):
    """The boot CPU: boot/'s bar_if_not_parked (pen/boot/gather.c) for each CPU that `area` has,
    then a kernel like any other. When it loses patience is left open.
    """

    area: words.Region | None = None

    def start(self) -> Place:
        """Before the first CPU is looked at."""
        return ("look", 1)

    def node(self, place: Place) -> Node:
        """As the C code has it: look, raise the bar, look again, write FAILED."""
        if place[0] not in ("look", "bar", "again", "fail"):
            return super().node(place)
        assert isinstance(place[1], int)
        assert self.area is not None
        field = "barred" if place[0] == "bar" else "state"
        kind = Kind.LOAD if place[0] in ("look", "again") else Kind.STORE
        value = {"bar": 1, "fail": CpuState.FAILED.value}.get(str(place[0]), 0)
        text = "boot/ looks whether it may" if kind is Kind.LOAD else "boot/ gives the CPU up"
        return Node(kind, False, -1, self.area.at(place[1], field), value, text=text)

    def after(self, place: Place, value: int) -> tuple[Place | Call | Door, Events]:
        """To the next CPU when one is done."""
        if place[0] not in ("look", "bar", "again", "fail"):
            return super().after(place, value)
        number = place[1]
        assert isinstance(number, int)
        if place[0] == "look":
            if value == CpuState.OFF:
                return self._next(number), ()
            return ("bar", number), ()
        if place[0] == "bar":
            return ("again", number), (Event("given up", number),)
        if place[0] == "again" and value == CpuState.ABSENT:
            return ("fail", number), ()
        return self._next(number), ()

    def _next(self, number: int) -> Place:
        assert self.area is not None
        return ("look", number + 1) if number + 1 < self.area.cpus else _FIRMWARE


@dataclass(frozen=True)
class Releasing:
    """The OS's half of the `return` offer on the boot CPU: releases into one of two kernels,
    reads words, and takes a 0 behind its own release for the receipt.
    """

    area: words.Region

    def start(self) -> Place:
        """All others are parked."""
        return ("os", (False,) * self.area.cpus)

    def _options(self, out: Sequence[bool]) -> list[Place]:
        options: list[Place] = []
        for cpu in range(1, self.area.cpus):
            if out[cpu]:
                options.append(("look", tuple(out), cpu))
            else:
                for entry in (FIRST_KERNEL, SECOND_KERNEL):
                    options.append(("write", tuple(out), cpu, entry))
        return options

    def node(self, place: Place) -> Node:
        """A choice of CPU, then write and SEV, or read."""
        if place[0] == "os":
            options = len(self._options(_flags(place)))
            return Node(Kind.CHOOSE, False, options=options, text="turns to another CPU")
        if place[0] == "sev":
            return Node(Kind.SIGNAL, False, text="the kernel")
        word = self.area.at(_number(place), "release")
        if place[0] == "look":
            return Node(Kind.LOAD, False, -1, word, text="the kernel polls")
        value = place[3]
        assert isinstance(value, int)
        return Node(Kind.STORE, False, -1, word, value, text="the kernel releases")

    def after(self, place: Place, value: int) -> tuple[Place | Call | Door, Events]:
        """One after the other, as the contract's Release has it."""
        out = list(_flags(place))
        if place[0] == "os":
            return self._options(out)[value], ()
        cpu = _number(place)
        if place[0] == "write":
            return ("sev", tuple(out), cpu), (Event("released", cpu),)
        if place[0] == "sev":
            out[cpu] = True
        elif value == 0:
            out[cpu] = False
            return ("os", tuple(out)), (Event("receipt", cpu),)
        return ("os", tuple(out)), ()

    def entered(self, entry: int, context: int) -> Place:
        """Never: it does not go into the pen."""
        raise AssertionError("the boot CPU of the return offer is not in the pen")

    def answered(self, place: Place, result: int) -> Place:
        """Never."""
        raise AssertionError("the return offer has no calls")


@dataclass(frozen=True)
class Returning:
    """A secondary under the `return` offer: goes home whenever it likes, by the contract.

    `stray`: a level below the machine's, at which it may arrive or return against the contract.
    """

    area: words.Region
    cpu: int
    stray: int | None = None

    def start(self) -> Place:
        """In the firmware."""
        return _FIRMWARE

    def node(self, place: Place) -> Node:
        """In the kernel; 1 written; at the return entry."""
        if place == ("returning",):
            word = self.area.at(self.cpu, "release")
            return Node(Kind.STORE, False, -1, word, RETURNING, text="the kernel")
        text = {"firmware": "comes from the firmware", "kernel": "is told to return"}
        said = text.get(str(place[0]), "enters cpu-return-addr")
        options = 1 if place == _KERNEL or self.stray is None else 2
        return Node(Kind.CHOOSE, False, options=options, text=said, willing=place != _KERNEL)

    def after(self, place: Place, value: int) -> tuple[Place | Call | Door, Events]:
        """Return, steps 2 and 3."""
        level = self.stray if value else None
        if place == _FIRMWARE:
            return Door(binary.ARRIVE, level), ()
        if place == _KERNEL:
            return ("returning",), ()
        if place == ("returning",):
            return ("leaving",), ()
        return Door(binary.RETURN, level), ()

    def entered(self, entry: int, context: int) -> Place:
        """In one of the kernels."""
        return _KERNEL

    def answered(self, place: Place, result: int) -> Place:
        """Never."""
        raise AssertionError("the return offer has no calls")


def _flags(place: Place) -> tuple[bool, ...]:
    flags = place[1]
    assert isinstance(flags, tuple)
    return flags


def _number(place: Place) -> int:
    number = place[2]
    assert isinstance(number, int)
    return number

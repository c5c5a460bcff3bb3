# SPDX-License-Identifier: BSD-2-Clause
"""A CPU's code as a graph: each way from one step to the next is executed once.

What a CPU does next depends on its own state and on what its pending load gives, on nothing
else. So a search over interleavings, which comes to the same CPU state in a thousand different
company, needs the emulator only the first time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from roundpen.proof.bytes import rest, system, words
from roundpen.proof.bytes.engine import Engine, Local, Stop, stack_top
from roundpen.proof.bytes.node import Call, Door, Event, Kind, Node, Served
from roundpen.proof.bytes.system import Hint

Place = tuple[object, ...]
"""Where the program outside of the pen is: any hashable value, of its own making."""
Events = tuple[Event, ...]

_KERNEL = 0x8000_0000
"""Where kernels' code is: outside of the region."""
_AFTER_HVC = _KERNEL + 0x44
_HVC_SYNDROME = 0x16 << 26 | 1 << 25
_EL1H_MASKED = 0x3C5
_HVC_VECTOR = 0x400
_KEPT = tuple(0x4444_0000 + number for number in range(4, 31))
"""What a caller has in x4 to x30, which it keeps (SMCCC 1.1, 2.6)."""
_STATE = "the kernel's state"
_TRANSIENT = (system.ELR_EL2, system.ESR_EL2, system.SPSR_EL2)
_HINTS = {
    Hint.WFE: Kind.WAIT,
    Hint.WFI: Kind.PAUSE,
    Hint.SEV: Kind.SIGNAL,
    Hint.BARRIER: Kind.BARRIER,
}


class Program(Protocol):
    """What a CPU runs outside of the pen: firmware at first, then kernels."""

    def start(self) -> Place:
        """Where it is at first."""

    def node(self, place: Place) -> Node:
        """Its next step."""

    def after(self, place: Place, value: int) -> tuple[Place | Call | Door, Events]:
        """Where that leads; `value` is what a load gave, or the number of the way chosen."""

    def entered(self, entry: int, context: int) -> Place:
        """It has left the pen for `entry` (address)."""

    def answered(self, place: Place, result: int) -> Place:
        """The call that it made at `place` came back."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A CPU outside of the pen: its program's place, and what the pen left in EL2 for it."""

    place: Place
    file: frozenset[tuple[int, int]]
    stack_pointer: int
    own: tuple[int, ...]


class Unfolded:
    """The graph of one CPU; grows as it is asked. `nodes[n]` describes node n."""

    def __init__(self, engine: Engine, cpu: int, program: Program) -> None:
        """Node 0 is where `program` starts."""
        self.engine, self.cpu, self.program = engine, cpu, program
        self.nodes: list[Node] = []
        self._states: list[Local | Outside | Stop] = []
        self._numbers: dict[Local | Outside | Stop, int] = {}
        self._ways: dict[tuple[int, int], tuple[int, Events]] = {}
        start = Outside(program.start(), frozenset(), 0, (0,) * len(words.OWN))
        self._add(start, program.node(start.place))

    def after(self, number: int, value: int) -> tuple[int, Events]:
        """The node behind `number` when its step gives `value`, and what happens on the way."""
        way = self._ways.get((number, value))
        if way is None:
            way = self._ways[number, value] = self._way(number, value)
        return way

    def explore(self, values: Sequence[set[int]]) -> None:
        """Go all ways that there are when each word may read as any of its `values`.

        Adds to `values` what this CPU stores. That is more than can happen, and only costs time.
        """
        for number, node in enumerate(self.nodes):  # grows meanwhile
            if node.kind is Kind.STORE:
                values[node.word].add(node.value)
            if node.kind is not Kind.FAULT:
                given = values[node.word] if node.kind is Kind.LOAD else range(node.options)
                for value in sorted(given):
                    self.after(number, value)

    def merge(self) -> None:
        """Take nodes for one that do the same for ever: they differ in registers that nobody
        reads any more. Partition refinement (Moore, 1956); the ways must have been explored.
        """
        ways: list[list[tuple[int, int, Events]]] = [[] for _ in self.nodes]
        for (number, value), (target, events) in sorted(self._ways.items(), key=lambda one: one[0]):
            ways[number].append((value, target, events))
        groups, count = _numbered(self.nodes), 0
        while count != len(set(groups)):
            count = len(set(groups))
            groups = _numbered(
                (
                    groups[number],
                    tuple((value, groups[target], events) for value, target, events in own),
                )
                for number, own in enumerate(ways)
            )
        first: dict[int, int] = {}
        for number, group in enumerate(groups):
            first.setdefault(group, number)
        self._ways = {
            way: (first[groups[target]], events) for way, (target, events) in self._ways.items()
        }

    @property
    def ways(self) -> int:
        """How many ways have been executed."""
        return len(self._ways)

    def _way(self, number: int, value: int) -> tuple[int, Events]:
        state = self._states[number]
        if isinstance(state, Outside):
            return self._from_outside(state, value)
        assert isinstance(state, Local), "a broken CPU takes no step"
        loads = self.nodes[number].kind is Kind.LOAD
        stop = self.engine.advance(self.cpu, state, value if loads else None)
        return self._arrive(stop)

    def _from_outside(self, state: Outside, value: int) -> tuple[int, Events]:
        move, events = self.program.after(state.place, value)
        if isinstance(move, Door):
            return self._arrive(self.engine.advance(self.cpu, self._at_door(state, move)), events)
        if isinstance(move, Call):
            called = (*events, Event("call", move.function, move.target))
            return self._arrive(self.engine.advance(self.cpu, self._in_call(state, move)), called)
        there = replace(state, place=move)
        return self._add(there, self.program.node(move)), events

    def _at_door(self, state: Outside, door: Door) -> Local:
        """By a branch: from firmware or from a kernel at the pen's own level, MMU off."""
        level = door.level or self.engine.area.entry_level
        file = dict(rest.KERNEL_AT_EL2 if level == 2 else rest.KERNEL_AT_EL1)
        file[system.SCTLR_EL2 if level == 2 else system.SCTLR_EL1] &= ~1
        registers = (0, 0, 0, 0, *_KEPT, 0, words.BASE + door.offset, 0)
        return Local(registers, level, frozenset(file.items()), b"", state.own)

    def _in_call(self, state: Outside, call: Call) -> Local:
        """HVC #0 from EL1: the vector is where VBAR_EL2 says, whoever set it."""
        file = dict(state.file) | rest.KERNEL_AT_EL1
        file[system.ESR_EL2] = _HVC_SYNDROME
        file[system.ELR_EL2] = _AFTER_HVC
        file[system.SPSR_EL2] = _EL1H_MASKED
        vector = file.get(system.VBAR_EL2, 0) + _HVC_VECTOR
        sp = state.stack_pointer
        registers = (call.function, *call.arguments, *_KEPT, sp, vector, 0)
        served = Served(call, state.place, sp)
        return Local(registers, 2, frozenset(file.items()), b"", state.own, served)

    def _arrive(self, stop: Stop, events: Events = ()) -> tuple[int, Events]:
        if stop.entry is not None and not stop.broken:
            self.engine.checked["the kernel's state"] += 1
            wrong = _misfit(stop, stack_top(self.cpu), self.engine.area.entry_level)
            if wrong is not None:
                stop = replace(stop, broken=wrong[0], text=wrong[1])
        if stop.broken:
            where = stop.local.where if stop.entry is None else -1
            node = Node(Kind.FAULT, True, where, text=stop.text, broken=stop.broken)
            return self._add(stop, node), events
        if stop.entry is not None:
            return self._leave(stop.local, stop.entry, events)
        return self._add(stop.local, self._node(stop)), events

    def _leave(self, local: Local, entry: int, events: Events) -> tuple[int, Events]:
        served, x0 = local.served, local.registers[0]
        if served is not None and entry == _AFTER_HVC:
            place = self.program.answered(served.place, _signed(x0))
            happened = Event("answer", _signed(x0))
        else:
            place = self.program.entered(entry, x0)
            happened = Event("enter", entry, x0)
        # EL1 is the kernel's again; of EL2 the kernel sees nothing, so it stays as it is.
        file = frozenset(
            (number, value)
            for number, value in local.file
            if system.is_el2(number) and number not in _TRANSIENT
        )
        there = Outside(place, file, local.registers[31], local.own)
        return self._add(there, self.program.node(place)), (*events, happened)

    def _node(self, stop: Stop) -> Node:
        local = stop.local
        call = local.served.call if local.served else None
        if stop.hint is not None:
            return Node(_HINTS[stop.hint], True, local.where, call=call)
        word = self.engine.area.index[stop.offset]
        if stop.value is None:
            return Node(Kind.LOAD, True, local.where, word, call=call)
        return Node(Kind.STORE, True, local.where, word, stop.value, call=call)

    def _add(self, state: Local | Outside | Stop, node: Node) -> int:
        number = self._numbers.setdefault(state, len(self.nodes))
        if number == len(self.nodes):
            self.nodes.append(node)
            self._states.append(state)
        return number


def _numbered(signatures: Iterable[Hashable]) -> list[int]:
    """Equal things get equal numbers."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(one, len(numbers)) for one in signatures]


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _misfit(stop: Stop, stack: int, level: int) -> tuple[str, str] | None:
    """What is wrong with the way in which a CPU leaves the pen: property and text."""
    local, registers, file = stop.local, stop.local.registers, dict(stop.local.file)
    by_eret = system.ELR_EL2 in file and stop.entry == file[system.ELR_EL2]
    if by_eret and file.get(system.SPSR_EL2) != _EL1H_MASKED:
        return _STATE, "leaves to another level than EL1h, or not masked"
    if not by_eret and local.level != level:
        return _STATE, f"leaves at EL{local.level}, the machine came at EL{level}"
    if by_eret and registers[31] != stack:
        return _STATE, "leaves with a stack that is not empty"
    if local.served is not None and stop.entry == _AFTER_HVC:
        if registers[4:31] != _KEPT:
            return _STATE, "a call changes more than x0 to x3"
    elif any(registers[1:4]):
        return _STATE, "leaves with x1 to x3 not 0"
    if local.own[0] - local.own[1] != 1:
        counted = f"released {local.own[0]}, returned {local.own[1]}"
        return "counters", f"leaves having counted itself as {counted}"
    return None

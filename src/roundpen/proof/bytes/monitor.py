# SPDX-License-Identifier: BSD-2-Clause
"""The properties: what must hold at each step, whoever's turn it was. Pure.

What properties need to remember beyond the machine's own state (who claimed whom) is part of
the search's state, so that a visited state stays visited.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from roundpen.contract.layout import CpuState, Offer
from roundpen.contract.transitions import Writer, allowed
from roundpen.proof.bytes import programs, words
from roundpen.proof.bytes.node import AFFINITY_INFO, CPU_ON, Event, Node

PROPERTIES: dict[str, str] = {
    "own words": "a CPU touches nothing but shared words, its own, and constants",
    "states": "a CPU's state goes only the ways of docs/architecture.md, written by whom they name",
    "lock": "between reading a state in CPU_ON and leaving the lock there is one CPU at a time",
    "one winner": "a CPU that is OFF is claimed by one caller; it alone is told SUCCESS, and its "
    "entry and context are where the CPU goes",
    "receipt": "who is told OFF, or reads 0 behind a release, finds the CPU in reserved memory, "
    "until somebody releases it again",
    "at rest": "when it says so, no vector, table, TLB entry or timer of the old kernel is left",
    "counters": "released and returned count one by one, and tell where the CPU is",
    "answers": "each answer fits a state that the CPU in question had during the call",
    "given up": "a CPU that the tree calls failed never enters a kernel",
    "the kernel's state": "a CPU leaves the pen as booting.rst and SMCCC ask",
    "no exception inside the pen": "no instruction of the pen faults",
    "progress": "between two accesses there is an end",
    "fair": "with fair turns each call is answered, each CPU_OFF parks, each release is heard",
}
"""Name -> what it says. `fair` is checked on the whole graph, see `fairness`."""

_AFFINITY = {
    CpuState.OFF: 1, CpuState.ON_PENDING: 2, CpuState.ON: 0, CpuState.OFF_PENDING: 0,
}  # fmt: skip
_CPU_ON = {
    CpuState.OFF: 0, CpuState.ON_PENDING: -5, CpuState.ON: -4, CpuState.OFF_PENDING: -4,
}  # fmt: skip
_DISABLED, _INTERNAL_FAILURE = -8, -6
"""DEN0022, 5.1.4, 5.1.5 and 5.2.2."""


class Broken(Exception):
    """A property does not hold: its name, and what was seen."""

    def __init__(self, name: str, text: str) -> None:
        """`name`: of PROPERTIES."""
        super().__init__(name, text)
        self.name, self.text = name, text


class Layout(NamedTuple):
    """Places in the search's state: nodes 0.., memory, what is remembered, event registers."""

    memory: int
    claim: int
    owed: int
    seen: int
    section: int
    gone: int
    given_up: int
    events: int
    buffers: int
    size: int


def layout_of(area: words.Region) -> Layout:
    """n nodes, the words, claim[n], owed[n], seen[n], masks with a bit per CPU, n buffers."""
    n, memory = area.cpus, area.cpus
    claim = memory + len(area.words)
    section = claim + 3 * n
    return Layout(memory, claim, claim + n, claim + 2 * n, section, section + 1, section + 2,
                  section + 3, section + 4, section + 4 + n)  # fmt: skip


class Monitor:
    """Judges steps. `checked` counts, per property, how often something was held against it."""

    def __init__(self, area: words.Region) -> None:
        """For the machine that `area` describes."""
        self.area, self.at = area, layout_of(area)
        self.checked: Counter[str] = Counter()
        self._states = [area.at(cpu, "state") for cpu in range(area.cpus)]
        self.watched = frozenset(
            place
            for place, word in enumerate(area.words)
            if word.field in ("state", "release", "context", "lock_wants")
        )
        """Words whose accesses it wants to see."""

    def _hold(self, name: str, good: bool, text: str) -> None:
        self.checked[name] += 1
        if not good:
            raise Broken(name, text)

    def load(self, state: list[int], cpu: int, node: Node, value: int, inside: list[bool]) -> None:
        """`cpu` has read `value`."""
        word = self.area.words[node.word]
        if word.field != "state" or word.cpu is None:
            return
        if value == CpuState.OFF and word.cpu != cpu:
            text = f"CPU {word.cpu} reads as OFF and is outside of reserved memory"
            self._hold("receipt", inside[word.cpu], text)
        if node.call is None:
            return
        state[self.at.seen + cpu] = value + 1
        if node.call.function == CPU_ON:
            others = state[self.at.section] & ~(1 << cpu)
            with_it = [str(one) for one in range(self.area.cpus) if others >> one & 1]
            self._hold("lock", not others, f"finds CPU {', '.join(with_it)} in there, too")
            state[self.at.section] |= 1 << cpu

    def issue(self, state: list[int], cpu: int, node: Node) -> None:
        """`cpu` executes a store; nobody else sees it yet."""
        word = self.area.words[node.word]
        if node.where < 0:
            return
        if word.field == "lock_wants":
            if word.cpu == cpu and node.value == 0:
                state[self.at.section] &= ~(1 << cpu)
            self._hold("own words", word.cpu == cpu, f"writes {word.name}")
        elif word.field == "state" and word.cpu is not None and word.cpu != cpu:
            state[self.at.owed + cpu] = word.cpu + 1

    def store(self, state: list[int], cpu: int, node: Node, old: int) -> None:
        """`cpu`'s store has replaced `old`; `state` has the new value already."""
        word = self.area.words[node.word]
        target = word.cpu
        if target is None:
            return
        if word.field == "state":
            self._state(state, cpu, target, node, old)
        elif node.where >= 0 and target != cpu:
            text = f"writes {word.name} without having claimed CPU {target}"
            self._hold("one winner", state[self.at.claim + target] == cpu + 1, text)
        elif node.where >= 0 and word.field == "release":
            self._own_word(old, node.value)

    def _own_word(self, old: int, new: int) -> None:
        """A CPU in the pen writes its own release word: the receipt, or it empties it."""
        self._hold("receipt", new == 0, f"writes {new:#x} into its own release word")
        if self.area.offer is Offer.RETURN:
            self._hold("receipt", old == programs.RETURNING, f"gives a receipt for {old:#x}")

    def _state(self, state: list[int], cpu: int, target: int, node: Node, old: int) -> None:
        writer = Writer.ITSELF if cpu == target else Writer.CALLER
        if node.where < 0:
            writer = Writer.BOOT
        new = node.value
        known = new in _STATES and allowed(_STATES[old], _STATES[new], writer, self.area.offer)
        shown = _STATES[new].name if new in _STATES else hex(new)
        self._hold("states", known, f"{writer.value} takes CPU {target} from {_STATES[old].name} "
                   f"to {shown}")  # fmt: skip
        if writer is Writer.CALLER:
            claim = self.at.claim + target
            held = state[claim]
            self._hold("one winner", not held, f"CPU {target} is claimed by CPU {held - 1}, too")
            wanted = node.call is not None and node.call.target == target
            self._hold("one winner", wanted, f"claims CPU {target}, which it was not asked for")
            state[claim] = cpu + 1

    def event(self, state: list[int], cpu: int, node: Node, event: Event, inside: bool) -> None:
        """Something happened on the way from `node`; `inside`: the event's CPU is in the pen."""
        if event.name == "enter":
            self._enter(state, cpu, event)
        elif event.name == "answer":
            self._answer(state, cpu, node, event.first)
        elif event.name == "given up":
            state[self.at.given_up] |= 1 << event.first
        elif event.name == "released":
            state[self.at.gone] &= ~(1 << event.first)
        elif event.name == "receipt":
            text = f"CPU {event.first}'s word reads 0 and it is outside of reserved memory"
            self._hold("receipt", inside, text)
            state[self.at.gone] |= 1 << event.first

    def _enter(self, state: list[int], cpu: int, event: Event) -> None:
        given_up = state[self.at.given_up]
        if given_up:
            text = "enters a kernel although the tree calls it failed"
            self._hold("given up", not given_up >> cpu & 1, text)
        now = state[self.at.memory + self._states[cpu]]
        self._hold("receipt", now == CpuState.ON, f"is in the kernel while {_STATES[now].name}")
        gone = state[self.at.gone] >> cpu & 1
        self._hold("receipt", not gone, "is in the kernel after the receipt, unreleased")
        if self.area.offer is Offer.RETURN:
            asked = state[self.at.memory + self.area.at(cpu, "release")]
            text = f"enters {event.first:#x}, released to {asked:#x}"
            self._hold("one winner", event.first == asked, text)
            return
        claim = state[self.at.claim + cpu]
        state[self.at.claim + cpu] = 0
        self._hold("one winner", claim != 0, f"enters {event.first:#x} unclaimed")
        wanted = programs.entry_of(claim - 1), programs.context_of(claim - 1)
        if claim == BOOT:
            wanted = programs.FIRST_KERNEL, programs.TREE
        text = f"enters {event.first:#x} with {event.second:#x}, claimed by CPU {claim - 1}"
        self._hold("one winner", (event.first, event.second) == wanted, text)

    def _answer(self, state: list[int], cpu: int, node: Node, result: int) -> None:
        call, seen = node.call, state[self.at.seen + cpu]
        owed = state[self.at.owed + cpu]
        state[self.at.seen + cpu] = state[self.at.owed + cpu] = 0
        state[self.at.section] &= ~(1 << cpu)
        if call is None:
            return
        if call.function == CPU_ON:
            won = result == 0
            text = f"{call.name} is told {result}, having {'' if owed else 'not '}claimed the CPU"
            self._hold("one winner", won == bool(owed), text)
        expected = _expected(call.function, seen)
        given_up = bool(state[self.at.given_up] >> call.target & 1) and not seen
        text = f"{call.name} is told {result}, having read {_show(seen)}"
        self._hold("answers", given_up or result == expected, text)

    def pending(self, state: tuple[int, ...], inside: list[bool]) -> int:
        """A bit for each CPU that must come out of where it is (`fair`)."""
        mask = 0
        for cpu, within in enumerate(inside):
            if not within:
                continue
            now = state[self.at.memory + self._states[cpu]]
            waiting = now in _MOVING
            if self.area.offer is Offer.RETURN:
                word = state[self.at.memory + self.area.at(cpu, "release")]
                waiting = now == CpuState.ABSENT or (word != 0 and now in _SERVED)
            mask |= waiting << cpu
        return mask

    def describe(self, state: tuple[int, ...], cpu: int) -> str:
        """A CPU's state and release word, for people."""
        now = _STATES.get(state[self.at.memory + self._states[cpu]])
        word = state[self.at.memory + self.area.at(cpu, "release")]
        return f"{now.name if now else '?'}, release word {word:#x}"


BOOT = 1000
"""Who claims the boot CPU: boot/."""
_STATES = {state.value: state for state in CpuState}
_SERVED = (CpuState.OFF, CpuState.ON)
_MOVING = (CpuState.ABSENT, CpuState.ON_PENDING, CpuState.ON, CpuState.OFF_PENDING)


def _expected(function: int, seen: int) -> int | None:
    now = _STATES.get(seen - 1)
    if now is None:
        return None
    if function == AFFINITY_INFO:
        return _AFFINITY.get(now, _DISABLED)
    return _CPU_ON.get(now, _INTERNAL_FAILURE)


def _show(seen: int) -> str:
    return _STATES[seen - 1].name if seen - 1 in _STATES else "no state"

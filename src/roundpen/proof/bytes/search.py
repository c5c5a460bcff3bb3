# SPDX-License-Identifier: BSD-2-Clause
"""Every interleaving: breadth first over the states of all CPUs and the shared memory together.

What covers it: a step is one access to a shared word, a WFE, a SEV, or a choice of what runs
outside of the pen. Instructions in between touch nothing that another CPU can see (`engine`
holds them to that), so running them together with the step before them loses no interleaving.
No bound on the number of steps, calls or preemptions: visited states are met again, and the
search ends when there is no new one. The rest: docs/bytes.md, What it leaves out.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from roundpen.contract import layout as contract
from roundpen.proof.bytes.binary import Resident
from roundpen.proof.bytes.engine import Engine
from roundpen.proof.bytes.monitor import BOOT, Broken, Monitor
from roundpen.proof.bytes.node import Call, Kind, Node
from roundpen.proof.bytes.scenarios import Scenario
from roundpen.proof.bytes.unfold import Unfolded

State = tuple[int, ...]
SPURIOUS = 1
"""Choice of a WAIT: it ends although no event is there (Arm ARM D1.17: WFE may)."""
_TELL_EVERY = 20_000
_NODE_BITS = 16
"""A buffer is one number: its stores' nodes, each with 1 added, the oldest in the lowest bits."""


@dataclass(frozen=True)
class Step:
    """One step of a path: who, from which node, what was read or which way was chosen.

    `chosen`: the call that was chosen, in PSCI's words; `spurious`: a WFE that ended by itself;
    `drained`: not the store but its arrival in memory.
    """

    cpu: int
    node: Node
    value: int
    chosen: str = ""
    spurious: bool = False
    drained: bool = False


@dataclass(frozen=True)
class Counterexample:
    """A broken property. `path` leads there, its first `alone` steps one CPU after the other;
    `forever` is what goes round then.
    """

    name: str
    text: str
    path: tuple[Step, ...]
    cpu: int
    where: int
    alone: int
    forever: tuple[Step, ...] = ()


@dataclass
class Graph:
    """All states found, and the fair steps between them (spurious wake-ups left out)."""

    states: list[State] = field(default_factory=list)
    pending: array[int] = field(default_factory=lambda: array("l"))
    obliged: array[int] = field(default_factory=lambda: array("l"))
    sources: array[int] = field(default_factory=lambda: array("l"))
    targets: array[int] = field(default_factory=lambda: array("l"))
    movers: array[int] = field(default_factory=lambda: array("b"))
    choices: array[int] = field(default_factory=lambda: array("q"))
    parents: array[int] = field(default_factory=lambda: array("l"))
    depths: array[int] = field(default_factory=lambda: array("l"))
    steps: int = 0
    """Steps tried, spurious ones included."""


class Search:
    """One scenario on one binary."""

    def __init__(self, resident: Resident, scenario: Scenario) -> None:
        """Raises MachineError when Unicorn is not installed."""
        self.scenario = scenario
        area = scenario.area
        self.engine = Engine(resident, area, barriers=scenario.buffered)
        self.monitor = Monitor(area)
        self.at = self.monitor.at
        self.cpus = [
            Unfolded(self.engine, cpu, program) for cpu, program in enumerate(scenario.programs)
        ]
        self.graph = Graph()
        self.complete = False
        self.seconds = 0.0
        self.prologue: list[Step] = []

    def run(
        self, limit: int, tell: Callable[[int, int], None] = lambda states, steps: None
    ) -> Counterexample | None:
        """Search until done, until something breaks, or until `limit` states are known.

        `complete` says afterwards whether all states were seen. `tell`: gets states and steps
        now and then.
        """
        began = time.monotonic()
        try:
            return self._run(limit, tell)
        finally:
            self.seconds = time.monotonic() - began

    def _run(self, limit: int, tell: Callable[[int, int], None]) -> Counterexample | None:
        state = self._initial()
        self._unfold(state)
        try:
            state = self._prologue(state)
        except _Stopped as stopped:
            return Counterexample(
                stopped.broken.name, stopped.broken.text, tuple(self.prologue),
                stopped.cpu, stopped.where, len(self.prologue),
            )  # fmt: skip
        graph = self.graph
        known = {state: 0}
        graph.states.append(state)
        graph.parents.append(-1)
        graph.depths.append(0)
        number = 0
        while number < len(graph.states):
            if len(graph.states) > limit:
                return None
            if number % _TELL_EVERY == 0:
                tell(len(graph.states), graph.steps)
            try:
                self._expand(number, known)
            except _Stopped as stopped:
                return self._counterexample(number, stopped)
            number += 1
        self.complete = True
        return None

    def _expand(self, number: int, known: dict[State, int]) -> None:
        graph = self.graph
        state = graph.states[number]
        inside = self.inside(state)
        obliged = 0
        for cpu, choice, fair, must in self.moves(state):
            if must:
                obliged |= 1 << cpu
            following = self.step(state, cpu, choice, inside)
            graph.steps += 1
            found = known.setdefault(following, len(graph.states))
            if found == len(graph.states):
                graph.states.append(following)
                graph.parents.append(len(graph.sources))
                graph.depths.append(graph.depths[number] + 1)
            elif not fair:
                continue
            graph.sources.append(number)
            graph.targets.append(found)
            graph.movers.append(cpu if fair else -1 - cpu)
            graph.choices.append(choice)
        graph.obliged.append(obliged)
        graph.pending.append(self.monitor.pending(state, inside))

    # --- one step ------------------------------------------------------------------------

    def inside(self, state: State) -> list[bool]:
        """For each CPU: whether it executes from reserved memory."""
        return [cpu.nodes[number].inside for cpu, number in zip(self.cpus, state, strict=False)]

    def moves(self, state: State) -> Iterator[tuple[int, int, bool, bool]]:
        """CPU, choice, whether a fair step, whether the CPU is obliged to go on."""
        events = state[self.at.events]
        for number, cpu in enumerate(self.cpus):
            node = cpu.nodes[state[number]]
            kind = node.kind
            if kind <= Kind.STORE or kind == Kind.SIGNAL or kind == Kind.FAULT:
                yield number, 0, True, True
            elif kind == Kind.WAIT:
                woken = bool(events >> number & 1)
                yield number, 0 if woken else SPURIOUS, woken, woken
            elif kind == Kind.PAUSE:
                yield number, 0, False, False
            elif kind == Kind.CHOOSE:
                for choice in range(node.options):
                    yield number, choice, True, node.willing
            elif not state[self.at.buffers + number]:
                yield number, 0, True, True
        if self.scenario.buffered:
            yield from self._drains(state)

    def _drains(self, state: State) -> Iterator[tuple[int, int, bool, bool]]:
        """Stores that may reach memory now: of each buffer the oldest to each word. The mover is
        the buffer (its CPU's number and n): hardware empties it sooner or later.
        """
        count = len(self.cpus)
        for number in range(count):
            words = set()
            for place, stored in enumerate(_stores(state[self.at.buffers + number])):
                word = self.cpus[number].nodes[stored].word
                if word not in words:
                    words.add(word)
                    yield count + number, place, True, True

    def step(self, state: State, cpu: int, choice: int, inside: list[bool]) -> State:
        """The state behind one step of `cpu`. Raises _Stopped when a property breaks."""
        if cpu >= len(self.cpus):
            return self._drain(state, cpu - len(self.cpus), choice)
        node = self.cpus[cpu].nodes[state[cpu]]
        kind, at = node.kind, self.at
        new = list(state)
        value = choice
        try:
            if kind == Kind.FAULT:
                raise Broken(node.broken, node.text)
            if kind == Kind.LOAD:
                value = self._visible(state, cpu, node.word)
                if node.word in self.monitor.watched:
                    self.monitor.load(new, cpu, node, value, inside)
            elif kind == Kind.STORE:
                self._store(new, cpu, node)
            elif kind == Kind.SIGNAL:
                new[at.events] = (1 << len(self.cpus)) - 1
            elif kind == Kind.WAIT:
                new[at.events] &= ~(1 << cpu)
                value = 0
            new[cpu], events = self.cpus[cpu].after(state[cpu], value)
            for event in events:
                about = inside[event.first] if event.name == "receipt" else False
                self.monitor.event(new, cpu, node, event, about)
        except Broken as broken:
            step = self._as_step(state, cpu, node, choice)
            raise _Stopped(broken, cpu, node.where, step) from broken
        return tuple(new)

    def _store(self, new: list[int], cpu: int, node: Node) -> None:
        if node.word in self.monitor.watched:
            self.monitor.issue(new, cpu, node)
        if self.scenario.buffered and node.inside:
            place = self.at.buffers + cpu
            new[place] |= (new[cpu] + 1) << _NODE_BITS * len(_stores(new[place]))
        else:
            self._reach_memory(new, cpu, node)

    def _reach_memory(self, new: list[int], cpu: int, node: Node) -> None:
        place = self.at.memory + node.word
        old, new[place] = new[place], node.value
        if node.word in self.monitor.watched:
            self.monitor.store(new, cpu, node, old)

    def _visible(self, state: State, cpu: int, word: int) -> int:
        """What `cpu` reads: its own last store, before it has reached memory too."""
        if self.scenario.buffered:
            for stored in reversed(_stores(state[self.at.buffers + cpu])):
                node = self.cpus[cpu].nodes[stored]
                if node.word == word:
                    return node.value
        return state[self.at.memory + word]

    def _drain(self, state: State, cpu: int, place: int) -> State:
        """One store of `cpu`'s buffer reaches memory."""
        new = list(state)
        stores = _stores(state[self.at.buffers + cpu])
        node = self.cpus[cpu].nodes[stores.pop(place)]
        packed = sum((one + 1) << _NODE_BITS * at for at, one in enumerate(stores))
        new[self.at.buffers + cpu] = packed
        try:
            self._reach_memory(new, cpu, node)
        except Broken as broken:
            raise _Stopped(broken, cpu, node.where, Step(cpu, node, 0, drained=True)) from broken
        return tuple(new)

    def _unfold(self, state: State) -> None:
        """The CPUs' graphs, to the end: what one stores another may load, until nothing is new."""
        at = self.at
        values = [{state[at.memory + place]} for place in range(len(self.scenario.area.words))]
        before = -1
        while before != sum(cpu.ways for cpu in self.cpus):
            before = sum(cpu.ways for cpu in self.cpus)
            for cpu in self.cpus:
                cpu.explore(values)
        for cpu in self.cpus:
            cpu.merge()

    # --- the start -----------------------------------------------------------------------

    def _initial(self) -> State:
        at, area = self.at, self.scenario.area
        state = [0] * at.size
        for cpu, name, value in self.scenario.preset:
            state[at.memory + area.at(cpu, name)] = value
        if area.offer is contract.Offer.PSCI:
            state[at.claim] = BOOT
        return tuple(state)

    def _prologue(self, state: State) -> State:
        for cpu in self.scenario.prologue:
            state = self._alone(state, cpu)
        return state

    def _alone(self, state: State, cpu: int) -> State:
        """Run `cpu` alone until it waits or is outside again; a choice is made once, the first."""
        for taken in range(1000):
            node = self.cpus[cpu].nodes[state[cpu]]
            waits = node.kind is Kind.WAIT and not state[self.at.events] >> cpu & 1
            if waits or (node.kind is Kind.CHOOSE and (taken or not node.willing)):
                return state
            self.prologue.append(self._as_step(state, cpu, node, 0))
            state = self.step(state, cpu, 0, self.inside(state))
            while state[self.at.buffers + cpu]:
                state = self._drain(state, cpu, 0)
        raise _Stopped(Broken("progress", "does not come to rest alone"), cpu, -1, None)

    # --- the way there -------------------------------------------------------------------

    def path(self, number: int) -> tuple[Step, ...]:
        """The steps from the start to state `number`, a shortest one behind the prologue."""
        graph, steps = self.graph, []
        while graph.parents[number] >= 0:
            edge = graph.parents[number]
            number = graph.sources[edge]
            steps.append(self.edge(edge))
        return (*self.prologue, *reversed(steps))

    def edge(self, edge: int) -> Step:
        """One edge of the graph as a step."""
        graph = self.graph
        state = graph.states[graph.sources[edge]]
        mover = graph.movers[edge]
        cpu = mover if mover >= 0 else -1 - mover
        if cpu >= len(self.cpus):
            cpu -= len(self.cpus)
            stores = _stores(state[self.at.buffers + cpu])
            stored = self.cpus[cpu].nodes[stores[graph.choices[edge]]]
            return Step(cpu, stored, 0, drained=True)
        node = self.cpus[cpu].nodes[state[cpu]]
        return self._as_step(state, cpu, node, graph.choices[edge])

    def _as_step(self, state: State, cpu: int, node: Node, choice: int) -> Step:
        if node.kind is Kind.LOAD:
            return Step(cpu, node, self._visible(state, cpu, node.word))
        if node.kind is not Kind.CHOOSE:
            return Step(cpu, node, choice, spurious=node.kind is Kind.WAIT and choice == SPURIOUS)
        _, events = self.cpus[cpu].after(state[cpu], choice)
        calls = [Call(event.first, event.second) for event in events if event.name == "call"]
        return Step(cpu, node, choice, f"calls {calls[0].name}" if calls else "")

    def _counterexample(self, number: int, stopped: _Stopped) -> Counterexample:
        path = self.path(number)
        if stopped.step is not None and stopped.step.node.kind is not Kind.FAULT:
            path = (*path, stopped.step)
        broken = stopped.broken
        return Counterexample(
            broken.name, broken.text, path, stopped.cpu, stopped.where, len(self.prologue)
        )


def _stores(buffer: int) -> list[int]:
    """The nodes of a buffer's stores, the oldest first."""
    found = []
    while buffer:
        found.append((buffer & (1 << _NODE_BITS) - 1) - 1)
        buffer >>= _NODE_BITS
    return found


class _Stopped(Exception):
    """A step broke a property."""

    def __init__(self, broken: Broken, cpu: int, where: int, step: Step | None) -> None:
        super().__init__(broken.name)
        self.broken, self.cpu, self.where, self.step = broken, cpu, where, step

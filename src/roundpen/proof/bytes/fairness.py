# SPDX-License-Identifier: BSD-2-Clause
"""Does all that must come to an end do so, when turns are fair? On the whole graph of a search.

Weak fairness: a CPU that from some point on could always take its next step does take it. What
it does not ask for: that kernels go on, that a WFE ends without an event, that a WFI ends.
A run that breaks it ends up in one strongly connected part of the graph in which some CPU is
kept waiting all the time, and each CPU either moves or is at some point free not to. Taking
the largest such part finds one if there is any (E. A. Emerson, C.-L. Lei, 1987).
"""

from __future__ import annotations

from collections import deque

from roundpen.proof.bytes.node import Kind
from roundpen.proof.bytes.search import Counterexample, Graph, Search


def check(search: Search) -> Counterexample | None:
    """The first CPU that can be kept waiting for ever, by a shortest way there.

    `search` must be complete. Raises ModuleNotFoundError without SciPy.
    """
    import numpy
    from scipy.sparse import csgraph, csr_array

    graph = search.graph
    sources, targets, movers, pending, obliged = (
        numpy.array(one, dtype=numpy.int64)
        for one in (graph.sources, graph.targets, graph.movers, graph.pending, graph.obliged)
    )
    count = len(graph.states)
    for cpu in range(len(search.cpus)):
        waiting = pending >> cpu & 1 == 1
        search.monitor.checked["fair"] += int(waiting.sum())
        used = (movers >= 0) & waiting[sources] & waiting[targets]
        ones = numpy.ones(int(used.sum()), dtype=numpy.int8)
        matrix = csr_array((ones, (sources[used], targets[used])), shape=(count, count))
        parts, part = csgraph.connected_components(matrix, connection="strong")
        always, moving = numpy.full(parts, -1), numpy.zeros(parts, dtype=numpy.int64)
        numpy.bitwise_and.at(always, part, obliged)
        within = used & (part[sources] == part[targets])
        numpy.bitwise_or.at(moving, part[sources[within]], 1 << movers[within])
        stuck = waiting & ((always & ~moving)[part] == 0)
        if stuck.any():
            number = int(numpy.flatnonzero(stuck)[0])
            edges = numpy.flatnonzero(within & (part[sources] == part[number]))
            return _counterexample(search, cpu, number, edges.tolist())
    return None


def _counterexample(search: Search, cpu: int, number: int, edges: list[int]) -> Counterexample:
    state = search.graph.states[number]
    forever = tuple(search.edge(edge) for edge in _round(search, number, edges))
    node = search.cpus[cpu].nodes[state[cpu]]
    moves = any(step.cpu == cpu for step in forever)
    waits = "can be kept waiting for ever"
    if node.kind is Kind.WAIT and not moves:
        waits = "sleeps, and nobody wakes it"
    text = f"CPU {cpu} ({search.monitor.describe(state, cpu)}) {waits}"
    alone, path = len(search.prologue), search.path(number)
    return Counterexample("fair", text, path, cpu, node.where, alone, forever)


def _round(search: Search, start: int, edges: list[int]) -> list[int]:
    """A way from `start` back to it on which each CPU moves that can within `edges`."""
    graph = search.graph
    out: dict[int, list[int]] = {}
    for edge in edges:
        out.setdefault(graph.sources[edge], []).append(edge)
    at, found = start, list[int]()
    for mover in sorted({graph.movers[edge] for edge in edges}):
        if not any(graph.movers[edge] == mover for edge in found):
            its = {edge for edge in edges if graph.movers[edge] == mover}
            found += _way(graph, out, at, its)
            at = graph.targets[found[-1]]
    if found and at != start:
        found += _way(graph, out, at, {edge for edge in edges if graph.targets[edge] == start})
    return found


def _way(graph: Graph, out: dict[int, list[int]], start: int, last: set[int]) -> list[int]:
    """A shortest way from `start` whose last edge is one of `last`. There is one."""
    before: dict[int, int] = {start: -1}
    queue = deque([start])
    while queue:
        at = queue.popleft()
        for edge in out.get(at, ()):
            if edge in last:
                way = [edge]
                while before[at] >= 0:
                    way.append(before[at])
                    at = graph.sources[before[at]]
                return way[::-1]
            if graph.targets[edge] not in before:
                before[graph.targets[edge]] = edge
                queue.append(graph.targets[edge])
    raise AssertionError("the part is strongly connected")

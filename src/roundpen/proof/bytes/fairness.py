# SPDX-License-Identifier: BSD-2-Clause
"""Does all that must come to an end do so, when turns are fair? On the whole graph of a search.

Weak fairness: a CPU that from some point on could always take its next step does take it. What
it does not ask for: that kernels go on, that a WFE ends without an event, that a WFI ends.
A run that breaks it ends up in one strongly connected part of the graph in which some CPU is
kept waiting all the time, and each CPU either moves or is at some point free not to. Taking
the largest such part finds one if there is any (E. A. Emerson, C.-L. Lei, 1987).
"""

from __future__ import annotations

from typing import Any

from roundpen.errors import MachineError
from roundpen.proof.bytes.node import Kind
from roundpen.proof.bytes.search import Counterexample, Search, Step

_FOREVER_MOST = 24


def check(search: Search) -> Counterexample | None:
    """The first CPU that can be kept waiting for ever, by a shortest way there.

    `search` must be complete. Raises MachineError when SciPy is not installed.
    """
    try:
        import numpy
        from scipy.sparse import csgraph, csr_array
    except ImportError as error:
        raise MachineError("SciPy is not installed", remedy="install roundpen[prove]") from error
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
            return _counterexample(search, cpu, number, edges)
    return None


def _counterexample(search: Search, cpu: int, number: int, edges: Any) -> Counterexample:  # noqa: ANN401
    steps: dict[tuple[int, int, int], Step] = {}
    for edge in edges.tolist():
        step = search.edge(edge)
        steps.setdefault((step.cpu, step.node.where, step.value), step)
        if len(steps) >= _FOREVER_MOST:
            break
    node = search.cpus[cpu].nodes[search.graph.states[number][cpu]]
    about = search.monitor.describe(search.graph.states[number], cpu)
    moves = any(step.cpu == cpu for step in steps.values())
    waits = "can be kept waiting for ever"
    if node.kind is Kind.WAIT and not moves:
        waits = "sleeps, and nobody wakes it"
    text = f"CPU {cpu} ({about}) {waits}"
    path = search.path(number)
    alone, forever = len(search.prologue), tuple(steps.values())
    return Counterexample("fair", text, path, cpu, node.where, alone, forever)

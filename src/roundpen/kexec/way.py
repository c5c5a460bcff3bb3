# SPDX-License-Identifier: BSD-2-Clause
"""Which way the CPUs leave the running kernel: `check`'s routes, for the kernel that runs now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from roundpen.check.bearing import State
from roundpen.check.board import Board
from roundpen.check.findings import Finding
from roundpen.check.known import psci_fault
from roundpen.check.ways import Route, asked_route, routes
from roundpen.kexec.system import System
from roundpen.kexec.wanted import Way

ROUTES = {
    Way.LATE: "late",
    Way.PSCI: "psci",
    Way.RETURN: "firmware-return",
    Way.NR_CPUS: "nr-cpus",
}
"""What `check` calls them. Its other ways need a restart first."""
_RESTART = "this kernel was not started with nr_cpus=1; --prepare-single says how to"


def choose(
    system: System, board: Board, findings: Sequence[Finding], wanted: Way | None
) -> tuple[Way | None, Route | None]:
    """The way that is wanted, or the best one that is open, or the best that depends.

    None and the first route where all are closed.
    """
    if wanted is not None:
        return wanted, _now(asked_route(ROUTES[wanted], board, system.running, findings), system)
    found = {route.name: route for route in routes(board, system.running, findings)}
    mine = [(way, _now(found[name], system)) for way, name in ROUTES.items()]
    for state in (State.OPEN, State.DEPENDS):
        for way, route in mine:
            if route.state is state and not (way is Way.LATE and _only_when_asked(board)):
                return way, route
    return None, mine[0][1]


def _now(route: Route, system: System) -> Route:
    """`check` speaks of the next start too; here it is the kernel that runs."""
    if route.name == ROUTES[Way.NR_CPUS] and len(system.possible) > 1:
        return replace(route, state=State.CLOSED, reason=_RESTART)
    return route


def _only_when_asked(board: Board) -> bool:
    """Are the CPUs run by PSCI that is not known for certain to lose them?

    The late pen then takes PSCI away from the next kernels, until a reset.
    """
    fault = psci_fault(board)
    return module_way(board) is not None and (fault is None or not fault.certain)


def module_way(board: Board) -> str | None:
    """The module's parameter `way`: it takes CPUs that PSCI started only when told to."""
    return "psci" if {cpu.method for cpu in board.secondaries} == {"psci"} else None

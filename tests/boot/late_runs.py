# SPDX-License-Identifier: BSD-2-Clause
"""Runs in which the module gets parameters, or the machine is none of those with a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from roundpen.lab import session
from roundpen.lab.machines import Machine, machine
from roundpen.lab.scenario import Scenario, expected
from roundpen.lab.session import Job, Result
from tests.boot.runs import TIMEOUT, TRIMMED_TIMEOUT, passed

CHAIN = Scenario(kexecs=2, cycles=1, boot_cpu_too=True)


def psci(cpu: str, gic: int) -> Machine:
    """Four CPUs with EL2 under QEMU's own PSCI, whose conduit is then SMC."""
    board = machine(f"psci-gicv{gic}-4-a72")
    return replace(board, name=f"psci-el2-gicv{gic}-4-{cpu}", cpu=cpu, entry_level=2)


def run(
    board: Machine,
    kernels: Sequence[str],
    scenario: Scenario,
    *,
    parameters: str | None = "",
    command_line: str = "",
    timeout: float | None = None,
) -> Result:
    """Do a run; fails the test with all that is wrong when it does not pass.

    `kernels`: of each generation. `parameters`: of the first kernel's module; None: no module.
    """
    first, *others = [session.kernel(name) for name in kernels]
    late = parameters is not None
    wanted = replace(scenario, expects=expected(board, None, late=late))
    if parameters is not None:
        wanted = replace(wanted, late=session.late((first, *others), parameters))
    patience = timeout or (TIMEOUT if first.package else TRIMMED_TIMEOUT)
    job = Job(
        board,
        first,
        wanted,
        chain=tuple(others),
        timeout=patience,
        command_line=command_line,
    )
    return passed(job)

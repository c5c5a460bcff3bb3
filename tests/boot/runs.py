# SPDX-License-Identifier: BSD-2-Clause
"""One lab run per test: all that the run proves is in its verdict, the lab's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from roundpen.contract.layout import Offer
from roundpen.errors import MachineError
from roundpen.lab import emulator, session
from roundpen.lab.events import work_digest
from roundpen.lab.faults import Faulty
from roundpen.lab.guest.root import Member
from roundpen.lab.machines import Thread, machine
from roundpen.lab.scenario import Scenario, expected
from roundpen.lab.session import Job, Result
from roundpen.lab.uboot import UBoot

TIMEOUT = 600.0
"""Wall seconds for one run: some ten times what it takes on two idle cores."""
TRIMMED_TIMEOUT = 240.0
"""The same for a kernel of the lab's own, which starts in a second."""

LONG_CHAIN = 10
"""More kexecs than that take as long as a stock kernel."""

AS_IS = None
WRAPPED = Offer.PSCI
RETURN = Offer.RETURN


def run(
    name: str,
    kernel: str,
    wrap: Offer | None,
    scenario: Scenario | None = None,
    *,
    kexec_wrapped: bool = False,
    thread: Thread = "single",
    faults: tuple[Faulty, ...] = (),
    files: Mapping[str, Member] | None = None,
    loader: UBoot | None = None,
    late: bool = False,
    chain: tuple[str, ...] = (),
    command_line: str = "",
) -> Result:
    """Do a run; fails the test with all that is wrong when it does not pass.

    `late`: each kernel loads the module. `chain`: what the kexecs start.
    What is expected follows from machine, kernel, wrap and faults. Skips, with the reason, where
    no QEMU has the machine.
    """
    board = replace(machine(name), thread=thread)
    try:
        emulator.find(board)
    except MachineError as error:
        pytest.skip(str(error))
    chosen = session.kernel(kernel)
    others = tuple(session.kernel(name) for name in chain)
    wanted = expected(
        board,
        wrap,
        kexec_wrapped=kexec_wrapped,
        returns=session.knows_return(chosen),
        faults=faults,
        late=late,
    )
    scenario = replace(scenario or Scenario(), expects=wanted)
    if late:
        scenario = replace(scenario, late=session.late((chosen, *others)))
    job = Job(
        board,
        chosen,
        scenario,
        wrap=wrap,
        kexec_wrapped=kexec_wrapped,
        timeout=TIMEOUT if chosen.package or scenario.kexecs > LONG_CHAIN else TRIMMED_TIMEOUT,
        faults=faults,
        files=files or {},
        loader=loader,
        chain=others,
        command_line=command_line,
    )
    return passed(job)


def passed(job: Job) -> Result:
    """Do the run; fails the test with all that is wrong."""
    result = session.perform(job)
    problems = result.verdict.all_problems()
    assert not problems, "\n".join([*problems, f"transcript: {result.transcript}"])
    return result


def check_chain(result: Result, kexecs: int) -> None:
    """Every kernel of the chain ran, had every CPU, and the pen's offer."""
    offer = result.job.wrap
    assert offer is not None
    trips = result.verdict.trips
    assert len(trips) == kexecs + 1
    for trip in trips:
        assert trip.accounted == len(trip.cpus) == result.job.machine.cpus
        assert trip.offer == offer.name.lower()
        assert trip.logbook is not None
        # Nothing reaches a CPU's slot that did not come through that CPU.
        assert len({entry.mpidr for entry in trip.logbook.cpus}) == len(trip.cpus)


def worked(result: Result, label: str, generation: int = 0) -> set[int]:
    """The CPUs that did the piece of work with that label, and rightly.

    For work that a test asks for by itself: what the scenario asks for is judged anyway.
    """
    return {
        cpu
        for event in result.events
        if (event.name, event.generation, event.value("label")) == ("work", generation, label)
        and (cpu := event.number("cpu")) is not None
        and event.number("ran") == cpu
        and event.value("digest") == work_digest(result.nonce, generation, label, cpu)
    }

# SPDX-License-Identifier: BSD-2-Clause
"""A CPU that does not come to the pen: the jump is refused, and the system goes on with the others.

The firmware takes CPUs back and the module adopts what it says; for one CPU the firmware lies. It
is found out in the jump itself, where the kernel's own way ends in a BUG.
"""

from __future__ import annotations

import pytest

from roundpen.image import payload
from roundpen.kernel import module
from roundpen.lab import session
from roundpen.lab.faults import Fault, Faulty
from roundpen.lab.guest.root import Member
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario
from roundpen.lab.session import Job, Result
from tests.boot.runs import TIMEOUT, worked

pytestmark = pytest.mark.timeout(900)
KERNEL = "debian-6.1"
LOST = 2


def said(result: Result) -> list[tuple[str, str]]:
    """Status and output of each step `run`."""
    return [
        (event.value("status"), event.rest("said"))
        for event in result.events
        if event.name == "run"
    ]


def test_the_jump_is_refused_and_the_system_goes_on() -> None:
    files = {
        "roundpen.ko": Member(module.build(KERNEL).read_bytes()),
        "kexec/Image": Member(payload.load(session.kernel(KERNEL).image).image),
    }
    steps = (
        "run insmod /roundpen.ko",
        "run cat /sys/kernel/roundpen/pen",
        "load",
        "jump",
        "run cat /sys/kernel/roundpen/cpu2/state",
        "run echo 0 >/sys/devices/system/cpu/cpu1/online",
        "run echo 1 >/sys/devices/system/cpu/cpu2/online",
        "run rmmod roundpen",
        "run kexec -u",
        "load",
        "work after-refusal",
    )
    job = Job(
        machine("virt-returning-el2-gicv3-4-a53"),
        session.kernel(KERNEL),
        Scenario(extra=steps),
        timeout=TIMEOUT,
        faults=(Faulty(LOST, Fault.NO_RECEIPT),),
        files=files,
    )
    # The verdict is for runs whose kernels come and go; here one stays.
    result = session.perform(job)
    assert not result.console.fatal
    assert [line.partition("] ")[2] for line in result.console.complaints] == [
        f"CPU{LOST} may not have shut down cleanly: -110",
        f"CPU{LOST}: failed to boot: -5",
    ]
    insmod, pen, state, another, back, rmmod, _ = said(result)
    assert insmod[0] == "0"
    assert pen == ("0", "adopted")
    assert "kexec-failed" in [event.name for event in result.events]
    assert state == ("0", "lost")
    # The others stay, this one is not booted again, and the module has to stay with it.
    assert another[0] != "0"
    assert "Input/output error" in back[1]
    assert "unavailable" in rmmod[1]
    loads = [event for event in result.events if event.name == "kexec-load"]
    assert [event.value("status") == "0" for event in loads] == [True, False]
    assert worked(result, "after-refusal") == {0, 1, 3}
    lines = "\n".join(result.console.lines)
    assert f"roundpen: CPU{LOST}: did not come to the pen, its word is 0x1" in lines
    assert f"roundpen: Can't kexec: CPU{LOST} does not leave the kernel" in lines
    assert "kernel BUG" not in lines

# SPDX-License-Identifier: BSD-2-Clause
"""The judge of the trees: what it must not let pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from roundpen.lab.events import Event, mac, work_digest
from tests.trees.answer import LOADED, Answer, Kernel, Made, Tried, answer
from tests.trees.verdict import worse

STUCK = "Can't kexec: CPUs are stuck in the kernel."
BUG = "[    2.006842] Internal error: Oops - BUG: 00000000f2000800 [#1] SMP"
ALL = frozenset(range(4))


def kernel(level: str = "EL2", cpus: frozenset[int] = ALL, *, can_leave: bool = False) -> Kernel:
    return Kernel(
        reached=True,
        level=level,
        possible=cpus,
        present=cpus,
        numbers={cpu: cpu for cpu in cpus},
        worked=cpus,
        still=cpus,
        made={cpu: Made(f"/cpus/cpu@{cpu}", can_leave) for cpu in cpus},
        tried={cpu: Tried(can_leave, "") for cpu in cpus},
    )


REFUSED = Answer(kernel(), {1: STUCK, 0: STUCK}, ended=True)
WORKS = Answer(
    kernel(can_leave=True), {1: LOADED, 0: LOADED}, jumped=True, second=kernel(), ended=True
)
PENNED = replace(
    WORKS,
    first=replace(kernel("EL1", can_leave=True), offer="psci"),
    second=replace(kernel("EL1"), offer="psci"),
)
FAILS = replace(WORKS, second=Kernel(died=BUG), ended=False)
DEAD = Answer(Kernel(died="[    0.000000] Kernel panic - not syncing: no"))


def first(whole: Answer, **changes: Any) -> Answer:  # noqa: ANN401 - any field of it
    return replace(whole, first=replace(whole.first, **changes))


@pytest.mark.parametrize(
    ("plain", "wrapped"),
    [
        (REFUSED, REFUSED),
        (REFUSED, PENNED),
        (WORKS, WORKS),
        (WORKS, PENNED),
        (FAILS, FAILS),
        (FAILS, PENNED),
        (replace(FAILS, first=kernel()), REFUSED),  # a refusal is better than a BUG
        (DEAD, DEAD),
        (DEAD, PENNED),
    ],
)
def test_as_good_or_better(plain: Answer, wrapped: Answer) -> None:
    assert worse(plain, wrapped) == []


LESS = ALL - {3}


@pytest.mark.parametrize(
    ("plain", "wrapped", "says"),
    [
        (REFUSED, DEAD, "does not come up: [    0.000000] Kernel panic"),
        (REFUSED, Answer(), "does not come up: silence"),
        (REFUSED, replace(PENNED, second=Kernel(died=BUG)), "its jump ends in: [    2.006842]"),
        (REFUSED, replace(PENNED, second=Kernel()), "its jump ends in: silence"),
        (WORKS, REFUSED, "kexec is refused: Can't kexec"),
        (WORKS, replace(PENNED, asked={}, jumped=False, second=Kernel()), "never asked"),
        (WORKS, FAILS, "its jump ends in"),
        (WORKS, replace(PENNED, second=kernel("EL1", LESS)), "CPUs 0x3 lost behind kexec"),
        (WORKS, first(PENNED, tried={}), "CPU 1 can't be unplugged any more"),
        (REFUSED, first(REFUSED, numbers={0: 0, 1: 1, 2: 2}), "CPUs 0x3 lost (online)"),
        (REFUSED, first(REFUSED, worked=LESS), "CPUs 0x3 lost (worked)"),
        (WORKS, first(PENNED, still=LESS), "CPUs 0x3 lost (still)"),
        (REFUSED, first(REFUSED, level="EL1"), "entered at EL1, expected EL2"),
        (REFUSED, first(PENNED, level="EL2"), "entered at EL2, expected EL1"),
        (REFUSED, first(PENNED, level=""), "entered at no level"),
        (REFUSED, first(REFUSED, died=BUG), "dies: [    2.006842]"),
        (
            REFUSED,
            first(REFUSED, complaints=("[ 0.05] WARNING: CPU: 0 PID: 1 at smp.c:426",)),
            "complains",
        ),
    ],
)
def test_worse(plain: Answer, wrapped: Answer, says: str) -> None:
    found = worse(plain, wrapped)
    assert any(says in one for one in found), found


def test_an_old_complaint_is_no_new_one() -> None:
    old = first(REFUSED, complaints=("[    5.1] CPU3: failed to come online",))
    again = first(REFUSED, complaints=("[    6.9] CPU2: failed to come online",))
    assert worse(old, again) == []


def test_cpus_are_known_by_their_affinity() -> None:
    """The pen took the CPU between out of the tree: those behind it have other numbers."""
    there = frozenset({0, 1, 3})
    left = {"worked": there, "still": there}
    plain = first(WORKS, numbers={0: 0, 1: 1, 3: 3}, tried={3: Tried(True, "")}, **left)
    moved = first(PENNED, numbers={0: 0, 1: 1, 2: 3}, tried={2: Tried(True, "")}, **left)
    assert worse(plain, moved) == []
    assert worse(plain, first(moved, tried={3: Tried(True, "")}))


# --- from a console to an answer -------------------------------------------------------------

NONCE = "of this run"


class Console:
    """Lines and events as a guest makes them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events: list[Event] = []

    def log(self, text: str) -> None:
        self.lines.append(f"[    0.500000] {text}")

    def event(self, generation: int, name: str, text: str) -> None:
        at = sum(event.generation == generation for event in self.events)
        whole = f"{generation} {at} {name} {text}"
        self.log(f"roundpen {mac(NONCE, whole)} {whole}")
        self.events.append(Event(generation, at, name, text, 0.5))

    def work(self, generation: int, cpu: int, digest: str = "") -> None:
        right = work_digest(NONCE, generation, "first", cpu)
        self.event(generation, "work", f"label=first cpu={cpu} ran={cpu} digest={digest or right}")

    def answer(self) -> Answer:
        return answer(self.lines, self.events, NONCE, ended=True)


def chain() -> Console:
    """Two kernels; in the second CPU 2 runs the kernel."""
    made = Console()
    made.log("Booting Linux on physical CPU 0x0000000100 [0x410fd083]")
    made.log("psci: PSCIv1.1 detected in firmware.")
    made.log("CPU1: Booted secondary processor 0x0000000001 [0x410fd083]")
    made.log("CPU2: Booted secondary processor 0x0000000002 [0x410fd083]")
    made.event(0, "kernel", "release=6.1 possible=0-3 present=0-2 online=0-1")
    made.event(0, "level", "started at EL2")
    made.event(0, "cpu", "cpu=1 switch=yes node=/cpus/cpu@1")
    made.work(0, 0)
    made.work(0, 1, digest="0" * 64)
    made.event(0, "hotplug", "cpu=1 cycles=1 done=0 began=1.0 ended=1.1 why=write error: Busy")
    made.event(0, "kexec-asked", "cpu=1")
    made.event(0, "kexec-load", f"status=1 loaded=0 said=no kernel={STUCK}")
    made.event(0, "kexec-asked", "cpu=0")
    made.event(0, "kexec-load", "status=0 loaded=1 said= kernel=")
    made.event(0, "kexec-jump", "at=2.0")
    return made


def test_what_a_console_shows() -> None:
    made = chain()
    made.log("Booting Linux on physical CPU 0x0000000002 [0x410fd083]")
    made.event(1, "kernel", "release=6.1 possible=0-3 present=0-3 online=0")
    found = made.answer()
    assert found.first.numbers == {0: 0x100, 1: 1}
    assert (found.first.possible, found.first.present) == (ALL, frozenset({0, 1, 2}))
    assert found.first.worked == {0x100}  # the other one's digest is wrong
    assert found.first.made == {1: Made("/cpus/cpu@1", switch=True)}
    assert found.first.tried == {1: Tried(done=False, why="write error: Busy")}
    assert (found.first.psci, found.first.level) == ("1.1", "EL2")
    assert found.asked == {1: STUCK, 0: LOADED}
    assert (found.accepted, found.jumped, found.arrived) == (True, True, True)
    assert found.second.numbers == {0: 2}


def test_what_dies_behind_the_jump_is_not_the_first_kernel() -> None:
    made = chain()
    made.lines.append(BUG)
    found = made.answer()
    assert (found.first.died, found.second.died) == ("", BUG)
    assert (found.jumped, found.arrived) == (True, False)


def test_the_command_line_is_no_evidence() -> None:
    made = Console()
    made.log("Kernel command line: psci: PSCIv1.1 detected in firmware.")
    assert made.answer().first.said == ()
    assert made.answer().first.psci == ""

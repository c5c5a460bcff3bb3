# SPDX-License-Identifier: BSD-2-Clause
"""The tests see what they are there to see: pens broken on purpose fail them.

Each break is a replacement in a copy of the pen's sources. When the text is no longer there,
the break has to be written anew; it is not enough that the tests pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from roundpen.lab.vendor import VirtSpec
from tests.pen.altered import altered_pen
from tests.pen.config import Tests
from tests.pen.harness import Bench, all_gathered


@dataclass(frozen=True)
class Break:
    """What is broken, and which case has to notice."""

    name: str
    file: str
    old: str
    new: str
    tests: Tests
    case: str
    cpus: int = 4


# Between reading the state and writing it: long enough that the others come in between.
CLAIM = "lock_acquire(me);\n\tstate = slot->state;"
READ_AND_DAWDLE = "\n\tstate = slot->state;\n\tfor (volatile int i = 0; i < 5000; i++)\n\t\t;"

BREAKS = (
    Break(
        "no lock around the claim", "resident/psci_on.c", CLAIM, "(void)me;" + READ_AND_DAWDLE,
        Tests.RACE, "race", cpus=8,
    ),
    Break(
        "a clobbered register", "resident/psci_info.c",
        "volatile struct slot *slot = find_slot(target);",
        'volatile struct slot *slot = find_slot(target);\n\t__asm__ volatile("mov x9, #1");',
        Tests.REGISTERS, "keeps-affinity-info",
    ),
    Break(
        "counter offset", "resident/open.c",
        "write_register(cntvoff_el2, 0);", "write_register(cntvoff_el2, 0x1000000);",
        Tests.FEATURES, "feature",
    ),
    Break(
        "a trap left on", "resident/open.c",
        "write_register(cnthctl_el2, CNTHCTL_OPEN);", "write_register(cnthctl_el2, 1);",
        Tests.FEATURES, "feature",
    ),
    Break(
        "a timer left firing", "resident/rest.S",
        "msr	cntv_ctl_el0, xzr", "nop", Tests.STATE, "state",
    ),
    Break(
        "unaligned entries taken", "resident/psci_on.c",
        "!(entry & 3)", "1", Tests.ERRORS, "on-unaligned-1",
    ),
    Break(
        "the pen's own memory taken", "resident/psci_on.c",
        "entry - base >= RESERVED_SIZE", "base", Tests.ERRORS, "on-pen-logbook",
    ),
    Break(
        "affinity levels ignored", "resident/psci_info.c",
        "!slot || level", "!slot || level > 9", Tests.ERRORS, "affinity-info-level",
    ),
)  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS, ids=[one.name for one in BREAKS])
def test_break_is_noticed(bench: Bench, tmp_path: Path, broken: Break) -> None:
    pen = altered_pen(tmp_path, broken.file, broken.old, broken.new)
    race = broken.tests == Tests.RACE
    spec = VirtSpec(cpus=broken.cpus, thread="multi" if race else "single")
    # Some breaks hang the machine; what they spoil has been reported by then.
    outcome = bench.on_pen(spec, broken.tests, pen=pen, timeout=60 if race else 10)
    noticed = [good for good, _ in outcome.cases.get(broken.case, []) if not good]
    assert noticed, outcome.story()


def test_slow_holder_of_the_lock(bench: Bench, tmp_path: Path) -> None:
    """The same dawdling inside the lock does no harm: it is the lock that keeps the others out."""
    pen = altered_pen(tmp_path, "resident/psci_on.c", CLAIM, "lock_acquire(me);" + READ_AND_DAWDLE)
    spec = VirtSpec(cpus=8, thread="multi")
    all_gathered(lambda: bench.on_pen(spec, Tests.RACE, pen=pen, rounds=100)).check_all()

# SPDX-License-Identifier: BSD-2-Clause
"""The shipped bytes hold; binaries broken on purpose, one per property, are caught."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from roundpen.cli import prove_bytes
from roundpen.lab.firmware.build import compiler
from roundpen.proof.bytes import binary, prove
from roundpen.proof.bytes.monitor import PROPERTIES
from roundpen.proof.bytes.scenarios import scenarios
from roundpen.report import bytes as report
from tests.pen.altered import Change, altered_pen
from tests.pen.harness import pen_build
from tests.unit.test_docs import DOCS, table

DEFAULT = [one.name for one in scenarios()]


@dataclass(frozen=True)
class Break:
    """What is broken in which file, the scenario that meets it, and the property that it breaks.

    `words`: what its story must say.
    """

    name: str
    file: str
    old: str
    new: str
    scenario: str
    broken: str
    words: str
    more: tuple[Change, ...] = ()


BREAKS = (
    Break(
        "no lock around the claim", "psci_on.c", "lock_acquire(me);", "(void)me;",
        "race-3", "lock", "in CPU_ON(2)",
    ),
    Break(
        "the fast way in without a look at x", "lock.h",
        "if (logbook.lock_x == id || outlast(me, id))",
        "if (logbook.lock_x || outlast(me, id))", "lock-2", "lock", "lock_x",
    ),
    Break(
        "the slow way in without waiting for the others", "lock.c",
        "while (slots[other].lock_busy)", "while (slots[other].lock_busy & 2)",
        "lock-2", "lock", "outlast",
    ),
    Break(
        "the lock never left", "lock.h", "logbook.lock_y = 0;", "logbook.lock_y = 1;",
        "lock-2", "fair", "for ever",
    ),
    Break(
        "turns are not waited for", "lock.h", "slots[turn].lock_wants)\n\t\twait",
        "slots[turn].lock_wants & 2)\n\t\twait", "lock-3", "fair", "for ever",
    ),
    Break(
        "OFF published before the loop is armed", "park.S",
        "receipt_given:\n\tstr	xzr, [x19, #SLOT_RELEASE]\n\tdsb	sy\n"
        "\tmov	w0, #STATE_OFF\n\tstr	w0, [x19, #SLOT_STATE]\n",
        "receipt_given:\n\tmov	w0, #STATE_OFF\n\tstr	w0, [x19, #SLOT_STATE]\n\tdsb	sy\n"
        "\tstr	xzr, [x19, #SLOT_RELEASE]\n", "hand-over-2", "fair", "ON_PENDING",
    ),
    Break(
        "no SEV behind a release", "psci_on.c", "dsb sy\\n\\tsev", "dsb sy",
        "hand-over-2", "fair", "nobody wakes it",
    ),
    Break(
        "a release loses its way", "psci_on.c", "slot->context = context;\n\tmemory_barrier();\n"
        "\tslot->release = entry;", "slot->release = entry;\n\tmemory_barrier();\n"
        "\tslot->context = context;", "hand-over-2", "one winner", "claimed by CPU 0",
    ),
    Break(
        "a claim without a look", "psci_on.c", "if (state == STATE_OFF)", "if (state)",
        "race-3", "states", "the caller of CPU_ON takes CPU 2",
    ),
    Break(
        "SUCCESS for a loser", "psci_on.c", "return PSCI_ON_PENDING;", "return PSCI_SUCCESS;",
        "race-3", "one winner", "not claimed the CPU",
    ),
    Break(
        "OFF at once", "psci_off.c", "STATE_OFF_PENDING", "STATE_OFF",
        "hand-over-2", "at rest", "SCTLR_EL1.M",
    ),
    Break(
        "a wrong answer", "psci_info.c", "case STATE_ON_PENDING:\n\t\treturn AFFINITY_ON_PENDING;",
        "case STATE_ON_PENDING:\n\t\treturn AFFINITY_OFF;", "hand-over-2", "answers",
        "having read ON_PENDING",
    ),
    Break(
        "the bar ignored", "psci_on.c", "if (slot->barred)", "if (slot->barred > 1)",
        "gather-2", "states", "from ON_PENDING to FAILED",
    ),
    Break(
        "the bar ignored by both", "psci_on.c", "if (slot->barred)", "if (slot->barred > 1)",
        "gather-2", "given up", "the tree calls it failed",
        (("resident/park.S", "ldr	w0, [x19, #SLOT_BARRED]", "mov	w0, #0"),),
    ),
    Break(
        "OFF in a kernel", "park.S",
        "str	x1, [x19, #SLOT_EVENT_AT]\n\tmov	w1, #STATE_ON\n\tstr	w1, [x19, #SLOT_STATE]",
        "str	x1, [x19, #SLOT_EVENT_AT]", "return-3-el2", "receipt", "in the kernel while OFF",
    ),
    Break(
        "a stage 2 table left", "park.S", "msr	vttbr_el2, xzr", "nop",
        "return-3-el2", "at rest", "VTTBR_EL2",
    ),
    Break(
        "a TLB left", "park.S", "tlbi	vmalle1", "nop", "return-3-el1", "at rest", "the TLB",
    ),
    Break(
        "vectors left", "park.S", "msr	vbar_el2, x0", "nop",
        "return-3-el2", "at rest", "VBAR_EL2",
    ),
    Break(
        "a timer left", "rest.S", "msr	cntv_ctl_el0, xzr", "nop",
        "hand-over-2", "at rest", "timer",
    ),
    Break(
        "a return not counted", "park.S", "str	x1, [x19, #SLOT_RETURNED]", "nop",
        "hand-over-2", "counters", "without having counted",
    ),
    Break(
        "somebody else's counter", "psci_info.c", "if (slot->barred)",
        "slot->returned = 0;\n\tif (slot->barred)", "hand-over-2", "own words", "returned",
    ),
    Break(
        "a clobbered register", "psci_info.c", "volatile struct slot *slot = find_slot(target);",
        'volatile struct slot *slot = find_slot(target);\n\t__asm__ volatile("mov x9, #1");',
        "hand-over-2", "the kernel's state", "more than x0 to x3",
    ),
    Break(
        "a register of EL2 at EL1", "park.S", "msr	vbar_el1, x0", "msr	vbar_el2, x0",
        "return-3-el1", "no exception inside the pen", "EL2 at EL1",
    ),
    Break(
        "no way out", "psci_info.c", "if (slot->barred)",
        '__asm__ volatile("1: b 1b");\n\tif (slot->barred)', "hand-over-2", "progress",
        "without an access",
    ),
    Break(
        "a receipt at another level", "park.S",
        "b.ne	wrong_level\n\ttbz	x1", "tbz	x1",
        "stray-2", "the kernel's state", "leaves at EL1",
    ),
    # Barriers: only store buffers show them.
    Break(
        "OFF overtakes the receipt", "park.S",
        "receipt_given:\n\tstr	xzr, [x19, #SLOT_RELEASE]\n\tdsb	sy\n",
        "receipt_given:\n\tstr	xzr, [x19, #SLOT_RELEASE]\n",
        "hand-over-2-b", "fair", "nobody wakes it",
    ),
    Break(
        "the release overtakes the context", "psci_on.c",
        "slot->context = context;\n\tmemory_barrier();\n", "slot->context = context;\n",
        "hand-over-2-b", "one winner", "claimed by CPU 0",
    ),
    Break(
        "SEV overtakes the release", "psci_on.c", "dsb sy\\n\\tsev", "sev",
        "hand-over-2-b", "fair", "nobody wakes it",
    ),
    Break(
        "y is read before x is seen", "lock.h",
        "logbook.lock_x = id;\n\t\tmemory_barrier();", "logbook.lock_x = id;",
        "lock-2-b", "lock", "reaches memory",
    ),
    Break(
        "a kernel overtakes ON", "park.S", "ic	iallu\n\tdsb	sy", "ic	iallu",
        "return-2-el2-b", "receipt", "in the kernel while OFF",
    ),
)  # fmt: skip


def test_each_property_has_a_break() -> None:
    assert {one.broken for one in BREAKS} == set(PROPERTIES)


@pytest.mark.parametrize("name", DEFAULT)
def test_shipped_bytes_hold(name: str) -> None:
    (outcome,) = prove.prove(names=(name,))
    assert outcome.counterexample is None, "\n".join(outcome.story)
    assert outcome.holds
    rows = table(DOCS / "bytes.md", "bytes-scenarios")
    ((states, steps),) = [(int(row[3]), int(row[4])) for row in rows if row[0] == name]
    # Searches have no chance in them, but another compiler makes another binary.
    if " 12.2." in compiler():
        assert (outcome.states, outcome.steps) == (states, steps), "docs/bytes.md is stale"
    assert 0.5 < outcome.states / states < 2
    assert 0.5 < outcome.steps / steps < 2


def test_every_property_is_held_against_something() -> None:
    names = ("hand-over-2", "gather-2", "lock-2", "return-3-el2")
    outcomes = list(prove.prove(names=names))
    idle = [name for name in PROPERTIES if not any(one.checked[name] for one in outcomes)]
    assert not idle


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    prove_bytes.add_arguments(parser)
    args = parser.parse_args(["--bytes", "--scenario", "hand-over-2"])
    args.deep, args.json = False, True
    assert prove_bytes.run_bytes(args) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["holds"] is True
    (one,) = told["scenarios"]
    assert one["complete"]
    args.json = False
    assert prove_bytes.run_bytes(args) == 0
    assert "leaves out: " in capsys.readouterr().out


def test_a_search_that_was_cut_short_is_no_proof() -> None:
    scenario = next(one for one in scenarios() if one.name == "lock-2")
    outcome = prove.search(prove.shipped(), scenario, limit=100)
    assert outcome.counterexample is None
    assert not outcome.complete
    assert not outcome.holds
    assert "this proves nothing" in "\n".join(report.closing([outcome]))


def test_what_is_shipped_is_what_was_built() -> None:
    built = pen_build().build()
    code = (built / "resident.bin").read_bytes()
    assert prove.shipped().code.startswith(code)
    assert binary.read(built / "resident.elf").code == code


@pytest.mark.parametrize("broken", BREAKS, ids=[one.name for one in BREAKS])
def test_break_is_caught(tmp_path: Path, broken: Break) -> None:
    file = f"resident/{broken.file}"
    elf = altered_pen(tmp_path, file, broken.old, broken.new, *broken.more, goal="resident.elf")
    (outcome,) = prove.prove(binary.from_elf(elf, broken.name), names=(broken.scenario,))
    story = "\n".join(outcome.story)
    assert not outcome.holds
    assert outcome.counterexample is not None
    assert outcome.counterexample.name == broken.broken, story
    assert broken.words in story

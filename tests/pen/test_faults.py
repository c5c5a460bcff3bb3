# SPDX-License-Identifier: BSD-2-Clause
"""What could stop the machine before a kernel runs: unaligned accesses, faults, HVC that is off.

Before the gather the kernel boots all the same, with the tree as it came; after it the logbook
says what it was.
"""

from __future__ import annotations

import struct
from itertools import permutations
from pathlib import Path

import pytest

from roundpen.contract.layout import CHOSEN_REFUSED, REFUSAL_TEXT, Offer, Refusal
from roundpen.devicetree import Tree
from roundpen.lab.vendor import VirtSpec
from roundpen.logbook.parse import Logbook
from tests.pen.altered import altered_pen
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome
from tests.pen.test_refusals import logbook_in_front, only_the_reason_was_added, refused

NOWHERE = 0x7F_0000_0000
"""No RAM of any machine here, and within the physical addresses of every CPU."""
EC_DATA_ABORT = 0x25
EC_UNKNOWN = 0
_BLOCKS = ("reservations", "structure", "strings")


def reordered(data: bytes, order: tuple[str, ...]) -> bytes:
    """The same tree with its blocks in another order, each aligned as the format asks."""
    head = list(struct.unpack(">10I", data[:40]))
    start, strings, reservations = head[2], head[3], head[4]
    end = reservations
    while any(data[end : end + 16]):
        end += 16
    end += 16
    blocks = {
        "reservations": (4, 8, data[reservations:end]),
        "structure": (2, 4, data[start : start + head[9]]),
        "strings": (3, 1, data[strings : strings + head[8]]),
    }
    out = bytearray(40)
    for name in order:
        field, alignment, content = blocks[name]
        out += bytes(-len(out) % alignment)
        head[field] = len(out)
        out += content
    out += bytes(-len(out) % 8)
    head[1] = len(out)
    out[:40] = struct.pack(">10I", *head)
    return bytes(out)


@pytest.mark.parametrize("order", list(permutations(_BLOCKS)), ids=" ".join)
def test_blocks_of_the_tree_in_any_order(bench: Bench, order: tuple[str, ...]) -> None:
    """libfdt puts them in its own order, and writes its header for that, with the caches off."""
    outcome = bench.on_pen(
        VirtSpec(), Tests.CALLS, tree=lambda data: reordered(data, order), timeout=30
    )
    outcome.check_all()
    assert outcome.tree.text("/chosen", "roundpen,offer") == "psci"


def test_alignment_is_checked_while_the_pen_runs(bench: Bench, tmp_path: Path) -> None:
    """Else an emulator that knows no Device memory takes what a CPU does not."""
    # By hand: the compiler would take a store that it knows to be unaligned apart.
    store = '\t__asm__ volatile("str xzr, [%0, #4]" ::"r"(&board) : "memory");\n'
    pen = altered_pen(tmp_path, "boot/main.c", "\treason = survey(", f"{store}\treason = survey(")
    outcome = bench.on_pen(VirtSpec(), Tests.FRONT, pen=pen, timeout=30)
    book = fault_of(outcome, EC_DATA_ABORT)
    assert book.fault_syndrome & 0x3F == 0x21, "alignment, not another abort"
    assert book.fault_address % 8 == 4


def test_alignment_is_checked_in_the_resident_part(bench: Bench, tmp_path: Path) -> None:
    load = '\t__asm__ volatile("ldr x1, [%0, #4]" ::"r"(slot) : "x1");\n'
    line = "\t/* From PSCI 1.0 on only level 0 has to be answered. */\n"
    pen = altered_pen(tmp_path, "resident/psci_info.c", line, load + line)
    outcome = bench.on_pen(VirtSpec(), Tests.CALLS, pen=pen, timeout=10)
    assert not outcome.ended, "the boot CPU is out of service in its first AFFINITY_INFO"


def fault_of(outcome: Outcome, exception_class: int) -> Logbook:
    """The run ended well, and the logbook has an exception of that class."""
    outcome.check_all()
    book = outcome.logbook if outcome.has_region else logbook_in_front(outcome)
    assert book.refusal == Refusal.FAULT
    assert book.fault_syndrome >> 26 == exception_class
    assert 0 < book.fault_instruction < 0x20_0000
    return book


@pytest.mark.parametrize("level", [1, 2])
def test_a_tree_that_is_nowhere(bench: Bench, level: int) -> None:
    """`x0` points to no memory: the kernel gets it all the same, as it would without a pen."""
    spec = VirtSpec(entry_level=level)  # type: ignore[arg-type]
    offer = Offer.PSCI if level == 2 else Offer.RETURN
    outcome = bench.on_pen(spec, Tests.FRONT, handed_tree=NOWHERE, offer=offer, timeout=30)
    book = fault_of(outcome, EC_DATA_ABORT)
    assert f"tree {NOWHERE:#x} " in outcome.lines[0]
    assert book.fault_address == NOWHERE
    assert book.entry_level == level


UNDEFINED = '\t__asm__ volatile("udf #0");\n'
PLACES = {
    "survey": ("\treason = survey(", True),
    "fill_region": ("\tfill_region(reserved, &board);", True),
    "gather": ("\tgather(reserved, &board, copy);", False),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_fault_of_the_pens_own(bench: Bench, tmp_path: Path, place: str) -> None:
    line, before = PLACES[place]
    pen = altered_pen(tmp_path, "boot/main.c", line, f"{{{UNDEFINED}}}{line}")
    spec = VirtSpec()
    if before:
        outcome = refused_by_fault(bench, spec, pen)
        assert fault_of(outcome, EC_UNKNOWN).offer in (Offer.NONE, Offer.PSCI)
        return
    outcome = bench.on_pen(spec, Tests.FRONT, pen=pen, timeout=10, keep_memory=True)
    assert not outcome.lines, outcome.story()
    book = logbook_in_front(outcome)
    assert book.refusal == Refusal.FAULT
    assert book.fault_syndrome >> 26 == EC_UNKNOWN


def refused_by_fault(bench: Bench, spec: VirtSpec, pen: bytes) -> Outcome:
    outcome = refused(bench, spec, Refusal.FAULT, pen=pen)
    assert outcome.tree.text("/chosen", CHOSEN_REFUSED) == REFUSAL_TEXT[Refusal.FAULT]
    return outcome


def test_a_fault_again_and_again(bench: Bench, tmp_path: Path) -> None:
    """What faults in the copy faults again on the way to say so: then without a word."""
    line = "\tcache_clean_invalidate(copy);\n\treturn reason_of(fdt_open_into("
    pen = altered_pen(tmp_path, "boot/rewrite.c", line, UNDEFINED + line)
    outcome = bench.on_pen(VirtSpec(), Tests.FRONT, pen=pen, timeout=30)
    fault_of(outcome, EC_UNKNOWN)
    before = (outcome.workdir / "vendor.dtb").read_bytes()
    assert (outcome.workdir / "tree.dtb").read_bytes()[: len(before)] == before
    assert Tree(before).get("/chosen", CHOSEN_REFUSED) is None


def test_without_hvc_nothing_is_promised(bench: Bench) -> None:
    """SCR_EL3.HCE = 0, against booting.rst: found out before the kernel would."""
    outcome = refused(bench, VirtSpec(hvc=False), Refusal.NO_HVC)
    assert outcome.logbook.refusal == Refusal.NO_HVC


def test_without_hvc_cpus_can_be_returned(bench: Bench) -> None:
    outcome = bench.on_pen(VirtSpec(hvc=False), Tests.NONE, offer=Offer.RETURN)
    outcome.check_all()
    assert outcome.tree.text("/chosen", "roundpen,offer") == "return"


def test_hcr_is_put_back(bench: Bench, tmp_path: Path) -> None:
    """A CPU whose E2H is fixed, as far as the pen can tell; the kernel finds HCR_EL2 as it came."""
    pen = altered_pen(
        tmp_path, "boot/main.c", "if (read_hcr() & HCR_E2H)", "if (read_hcr() | HCR_E2H)"
    )
    spec = VirtSpec(cpu="max", dirty=True)
    plain = bench.on_firmware(spec, Tests.NONE)
    outcome = refused(bench, spec, Refusal.E2H_FIXED, pen=pen)
    only_the_reason_was_added(outcome, Refusal.E2H_FIXED)
    (hcr,) = [line for line in outcome.lines if line.startswith("hcr ")]
    assert hcr in plain.lines
    assert int(hcr.split()[1], 16) & 1 << 34, "the firmware's was to be in VHE mode"

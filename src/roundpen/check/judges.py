# SPDX-License-Identifier: BSD-2-Clause
"""One judge for each way: what the findings don't say, because it is nobody's fault.

A judge gives every answer that it knows, in any order: the strictest counts, and of equal ones
the first. So nothing that makes a way depend can hide what closes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from roundpen.check.bearing import Answer, State
from roundpen.check.board import WORD_SIZE, Address, Board
from roundpen.check.facts import LINE, Place, place, shows_psci, two_kinds
from roundpen.check.findings import Case
from roundpen.check.known import el2_of, psci_fault
from roundpen.check.late import gives_back
from roundpen.check.refusing import refusal
from roundpen.check.rulebook.returning import refusals
from roundpen.check.rulebook.words import ENDS_IN_BUG
from roundpen.contract.layout import REFUSAL_TEXT, Offer, Refusal

_OPEN, _DEPENDS, _CLOSED = State.OPEN, State.DEPENDS, State.CLOSED
_FILLS_IN = "if the loader fills in the enable-methods"
_ONE_COUNTS = "not needed: Linux counts one CPU only, and does not refuse kexec"


def _promised_later(case: Case) -> bool:
    """Is nothing said of how CPUs are started, in a tree that a loader may yet change?"""
    methods = {cpu.method for cpu in case.board.secondaries}
    return None in methods and "spin-table" not in methods and not case.system.live


def psci(case: Case) -> Iterator[Answer]:
    """PSCI that is already there."""
    board, system = case
    if board.pen_offer == "psci":
        yield Answer(_OPEN, "a pen is at work and offers it")
        return
    if not board.secondaries:
        yield Answer(_OPEN, "one CPU only: nothing to take back")
        return
    methods = {cpu.method for cpu in board.secondaries}
    if "spin-table" in methods or "psci" not in methods:
        accepted = two_kinds(*case) is not None
        never = Answer(
            _CLOSED, ENDS_IN_BUG if accepted else "the tree promises no PSCI for its CPUs"
        )
        yield Answer(_DEPENDS, _FILLS_IN) if _promised_later(case) else never
        return
    node = board.taken_psci
    if node is None and board.psci:
        yield Answer(_CLOSED, f"the tree says that there is none: {board.psci[0].path} is disabled")
    if node and not node.cpu_on:
        yield Answer(_CLOSED, "Linux starts no CPU: the node has no function id for CPU_ON")
    shown = shows_psci(system)
    if node and node.method == "hvc" and system.entry_level is None and not shown:
        yield Answer(_DEPENDS, 'if kernels are entered at EL1: "hvc" reaches nobody from EL2')
    if shown:
        yield Answer(_OPEN, "firmware promises it, and has started CPUs")
    else:
        yield Answer(
            _DEPENDS, "if firmware has what the tree promises: the running system shows it"
        )


def _pen(case: Case, offer: Offer) -> Iterator[Answer]:
    """What keeps a pen from this board, whatever a loader fills in; the rules say the rest."""
    if not case.board.secondaries:
        yield Answer(_CLOSED, "not needed: one CPU only")
    reason = refusal(_filled_in(case.board), offer)
    if reason is not Refusal.NONE:
        yield Answer(_CLOSED, f"the pen steps aside: {REFUSAL_TEXT[reason]} ({reason.name})")


def _filled_in(board: Board) -> Board:
    """The board with a method and a release word for each CPU, so that no lack hides a fault."""
    word = Address(WORD_SIZE.to_bytes(WORD_SIZE, "big"))
    cpus = tuple(
        replace(cpu, method=cpu.method or "spin-table", release=word) for cpu in board.cpus
    )
    return replace(board, cpus=cpus)


def pen_psci(case: Case) -> Iterator[Answer]:
    """A pen at EL2."""
    yield from _pen(case, Offer.PSCI)
    level, el2 = case.system.entry_level, el2_of(case.board)
    if el2 == "vhe":
        yield Answer(_CLOSED, "these cores fix EL2 in VHE mode (E2H_FIXED)")
    if el2 == "none":
        yield Answer(_CLOSED, "these cores have no EL2: kernels are entered at EL1 (ENTRY_LEVEL)")
    if level not in (None, 2):
        yield Answer(_CLOSED, f"kernels are entered at EL{level}, not EL2 (ENTRY_LEVEL)")
    if level is None:
        yield Answer(_DEPENDS, "if the loader enters the kernel at EL2; U-Boot and most others do")
    yield Answer(_OPEN, "entered at EL2")


def pen_psci_el3(case: Case) -> Iterator[Answer]:
    """A pen at EL3."""
    yield Answer(_CLOSED, "not built: roundpen has no pen for EL3")


def pen_return(case: Case) -> Iterator[Answer]:
    """A pen, and a kernel that gives CPUs back to it."""
    yield from _pen(case, Offer.RETURN)
    level = case.system.entry_level
    if el2_of(case.board) == "vhe" and level != 1:
        yield Answer(_CLOSED, "these cores fix EL2 in VHE mode (E2H_FIXED)")
    if level == 3:
        yield Answer(_CLOSED, "kernels are entered at EL3 (ENTRY_LEVEL)")
    yield Answer(_DEPENDS, "if the kernel carries the series: no released one does")


def firmware(case: Case) -> Iterator[Answer]:
    """Firmware that takes its CPUs back."""
    board, system = case
    if not board.spinning:
        never = Answer(_CLOSED, "no CPU is started from a spin-table")
        yield Answer(_DEPENDS, _FILLS_IN) if _promised_later(case) else never
        return
    if not any(cpu.returns_to for cpu in board.spinning):
        yield Answer(_CLOSED, "this firmware promises no way back (no cpu-return-addr)")
    for cpu, code in refusals(board, system.cache_line or LINE):
        if code and not cpu.is_boot:  # the boot CPU runs kexec: it need not go
            yield Answer(_CLOSED, f"the kernel does not believe {cpu.path}: see {code}")
    if gives_back(case):
        yield Answer(_OPEN, "firmware promises it, and this kernel gives each CPU a switch")
    else:
        yield Answer(_DEPENDS, "firmware promises it; if the kernel carries the series")


_WORDS = {
    Place.RESERVED: Answer(
        _DEPENDS, "if the loop lies in the reserved memory in which its words are"
    ),
    Place.CRAMPED: Answer(
        _CLOSED, "unsafe: no more than the release words is reserved, so the loop is not"
    ),
    Place.UNRESERVED: Answer(
        _CLOSED, "unsafe: release words are not reserved, so the loop may not be"
    ),
    Place.DEVICE: Answer(
        _CLOSED, "a release word is a device's register, and Linux writes it as memory: that hangs"
    ),
    Place.OUTSIDE: Answer(
        _DEPENDS, "if release words outside of RAM are in memory all the same, with the loop there"
    ),
}


def nr_cpus(case: Case) -> Iterator[Answer]:
    """`nr_cpus=1` in the first kernel."""
    board, system = case
    if not board.spinning:
        yield _nr_cpus_elsewhere(case)
        return
    counted = [cpu for cpu in board.possible_secondaries if cpu.spins]
    if system.live and not counted:
        yield Answer(_CLOSED, _ONE_COUNTS)
    if not system.whole_tree:
        yield Answer(_DEPENDS, "if firmware's loop is reserved: run as root to see")
        return
    words = {cpu.word for cpu in counted if cpu.word is not None}
    yield from (_WORDS[place(board, word)] for word in sorted(words))
    if not words:
        yield Answer(_DEPENDS, "if the loop lies in reserved memory")


def _nr_cpus_elsewhere(case: Case) -> Answer:
    """Without a spin-table whose CPUs Linux may count."""
    if psci_fault(case.board):
        return Answer(_DEPENDS, "if CPUs that this firmware starts once are enough; not tried")
    if _promised_later(case):
        return Answer(_DEPENDS, _FILLS_IN)
    if any(cpu.spins for cpu in case.board.secondaries):
        return Answer(_CLOSED, _ONE_COUNTS)
    return Answer(_CLOSED, "not needed without a spin-table")


def kdump(case: Case) -> Iterator[Answer]:
    """kdump alone."""
    if case.system.option("CRASH_DUMP") is False:
        yield Answer(_CLOSED, "this kernel has no CONFIG_CRASH_DUMP")
    by_psci = any(cpu.method == "psci" for cpu in case.board.secondaries)
    if by_psci and case.board.pen_offer != "psci" and not shows_psci(case.system):
        yield Answer(_DEPENDS, "if firmware has the PSCI that gets the other CPUs out of the way")
    yield Answer(_OPEN, "with `crashkernel=` and a capture kernel loaded")

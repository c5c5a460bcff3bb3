# SPDX-License-Identifier: BSD-2-Clause
"""What `check` says of a tree, and where Linux's own answer differs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from roundpen.check import Board, Finding, Severity, check_board
from roundpen.check.board import Cpu
from roundpen.check.survey import survey
from roundpen.check.system import UNKNOWN, System
from roundpen.devicetree import Outline
from tests.trees.answer import Answer, Kernel

STUCK = "RP040"
"""Says that Linux refuses kexec."""
TWO_KINDS = "RP006"
"""Says that a boot CPU which can leave is asked for others which can't: accepted, and a BUG."""
BOOT_ID = 0
"""Affinity of the boot CPU of every machine here, as a running system would say it."""
POSSIBLE_MAX = 128
"""CONFIG_NR_CPUS of the lab's kernels."""


class Kexec(Enum):
    """What comes of a kexec."""

    REFUSED = "refused"
    WORKS = "works"
    FAILS = "accepted, and fails"


@dataclass(frozen=True)
class Said:
    """What `check` says: the facts that it takes Linux to read, and what it finds."""

    board: Board
    findings: tuple[Finding, ...]

    @property
    def possible(self) -> tuple[Cpu, ...]:
        """The CPUs that Linux is said to count."""
        return self.board.possible

    @property
    def psci(self) -> bool:
        """Is Linux said to take a PSCI node, and to know how to call it?"""
        taken = self.board.taken_psci
        return taken is not None and taken.method in ("smc", "hvc")

    @property
    def kexec(self) -> Kexec:
        """What is said to come of kexec."""
        codes = {finding.code for finding in self.findings}
        if TWO_KINDS in codes:
            return Kexec.FAILS
        if STUCK in codes:
            return Kexec.REFUSED
        failing = any(one.severity is Severity.ERROR for one in self.findings)
        return Kexec.FAILS if failing else Kexec.WORKS


def said(tree: bytes, name: str, limit: int = POSSIBLE_MAX) -> Said:
    """What `check` says of the DTB `tree`. `limit`: the most CPUs that the kernel counts.

    A kernel that counts no other CPU asks nobody: no file says so, the running system does.
    """
    board = survey(Outline(tree, name), boot_id=BOOT_ID)
    alone = not any(0 < number < limit for number in map(_number, board.possible))
    system = System(possible=1) if alone else UNKNOWN
    return Said(board, check_board(board, system).findings)


def _number(cpu: Cpu) -> int:
    return -1 if cpu.number is None else cpu.number


def kexec_of(answer: Answer) -> Kexec | None:
    """What came of kexec; None when it never came to ask. One CPU's consent is enough to jump."""
    if not answer.asked:
        return None
    if not answer.accepted:
        return Kexec.REFUSED
    return Kexec.WORKS if answer.arrived else Kexec.FAILS


def differences(plain: Answer, words: Said, limit: int = POSSIBLE_MAX) -> list[str]:
    """Where Linux, booted plain, is not as `check` says. `limit`: nr_cpus of this boot.

    A kernel that did not come up says nothing.
    """
    if not plain.first.reached:
        return []
    return [*_cpus(plain.first, words, limit), *_psci(plain.first, words), *_kexec(plain, words)]


def _cpus(kernel: Kernel, words: Said, limit: int) -> Iterator[str]:
    counted = {cpu.number: cpu for cpu in words.possible
               if cpu.number is not None and cpu.number < limit}  # fmt: skip
    # The kernel runs on its boot CPU, whatever the tree says.
    wanted = {0, *counted}
    if set(kernel.possible) != wanted:
        yield f"possible {_list(kernel.possible)}, check says {_list(wanted)}"
    for number, cpu in counted.items():
        made = kernel.made.get(number)
        if made is None:
            continue
        if made.node != cpu.read_at:
            yield f"CPU {number} is {made.node}, check says {cpu.read_at}"
        if made.switch != (_method(words.board, cpu) == "psci"):
            how = "a way" if made.switch else "no way"
            yield f"CPU {number} has {how} to leave, check says {_method(words.board, cpu)}"


def _method(board: Board, cpu: Cpu) -> str | None:
    """The enable-method at the node that Linux reads for the CPU."""
    return next(one.method for one in board.cpus if one.path == cpu.read_at)


def _psci(kernel: Kernel, words: Said) -> Iterator[str]:
    if bool(kernel.psci) != words.psci:
        found = kernel.psci or "none"
        yield f"PSCI found: {found}, check says {'one' if words.psci else 'none'}"


def _kexec(plain: Answer, words: Said) -> Iterator[str]:
    came = kexec_of(plain)
    if came is None or came is words.kexec:
        return
    # Those that would consent are not there to be asked.
    if came is Kexec.REFUSED and words.kexec is Kexec.FAILS and not _both_kinds(plain.first):
        return
    # An error may be about something else than kexec, and then it may work.
    if came is Kexec.WORKS and words.kexec is Kexec.FAILS and _may_work(words):
        return
    yield f"kexec {came.value}, check says {words.kexec.value}"


def _both_kinds(kernel: Kernel) -> bool:
    return (
        len({made.switch for number, made in kernel.made.items() if number in kernel.numbers}) > 1
    )


def _may_work(words: Said) -> bool:
    return TWO_KINDS not in {finding.code for finding in words.findings}


def _list(cpus: frozenset[int] | set[int]) -> str:
    return ",".join(map(str, sorted(cpus))) or "none"

# SPDX-License-Identifier: BSD-2-Clause
"""What follows from a board and a system together: neither finding nor judgement yet.

Rules and ways ask here, so that both go by the same reading of Linux. Figures are bytes, addresses
physical.
"""

from __future__ import annotations

from enum import Enum

from roundpen.check.board import WORD_SIZE, Board, Cpu, Range
from roundpen.check.system import System

LINE = 64
"""Bytes. The shortest cache writeback granule among arm64 cores known to us (Arm's own
Cortex-A and Neoverse cores); the architecture allows 8 bytes to 2 KiB (CTR_EL0.CWG)."""
METHODS = ("smc", "hvc")
"""The instructions by which a PSCI node can say that it is called."""
LOOP = 16
"""Bytes of the shortest loop that polls a word: wait, load, test, branch, of 4 bytes each."""


def secondaries(board: Board, system: System) -> tuple[Cpu, ...]:
    """The CPUs besides the boot CPU that this kernel counts, so that kexec has to ask for them.

    None when the running kernel counts one CPU only (`nr_cpus=1`).
    """
    return () if system.possible == 1 else board.possible_secondaries


def spinning(board: Board, system: System) -> tuple[Cpu, ...]:
    """Those of `secondaries` that are started from a spin-table."""
    return tuple(cpu for cpu in secondaries(board, system) if cpu.spins)


def can_leave(cpu: Cpu | None) -> bool:
    """Has a released kernel a way to take the CPU out (cpu_die)? None: no node, so it has not."""
    return cpu is not None and cpu.method == "psci"


def two_kinds(board: Board, system: System) -> tuple[tuple[Cpu, ...], tuple[Cpu, ...]] | None:
    """The CPUs that can leave the kernel and those that can't, when there are both.

    Linux asks one CPU for all of them: whichever loads the kernel (arch/arm64/kernel/smp.c,
    have_cpu_die()), and the boot CPU when it jumps.
    """
    others = secondaries(board, system)
    counted = ((board.boot,) if board.boot else ()) + others
    leaving = tuple(cpu for cpu in counted if can_leave(cpu))
    staying = tuple(cpu for cpu in counted if not can_leave(cpu))
    return (leaving, staying) if others and leaving and staying else None


def shows_psci(system: System) -> bool:
    """Has the running system started a CPU? Then somebody serves the calls that start them."""
    return system.live and (system.online or 0) > 1


class Place(Enum):
    """Where a release word is, as far as that says where the firmware's loop may be."""

    RESERVED = "in reserved memory that has room for the loop"
    CRAMPED = "in reserved memory that has no room for the loop"
    UNRESERVED = "in memory that the kernel may use"
    DEVICE = "in a device's registers"
    OUTSIDE = "outside of RAM, in nothing that the tree names"


def place(board: Board, word: int) -> Place:
    """Where the 8 bytes at `word` are."""
    wanted = Range(word, word + WORD_SIZE)
    if word in board.registers:
        return Place.DEVICE
    region = board.reservation(wanted)
    if region is not None and region.holds(wanted):
        used = {cpu.word for cpu in board.cpus if cpu.word is not None and _within(region, cpu)}
        left = region.end - region.start - WORD_SIZE * len(used)
        return Place.RESERVED if left >= LOOP else Place.CRAMPED
    if board.in_ram(wanted) is not False:
        return Place.UNRESERVED
    return Place.OUTSIDE


def _within(region: Range, cpu: Cpu) -> bool:
    return cpu.word is not None and region.holds(Range(cpu.word, cpu.word + WORD_SIZE))

# SPDX-License-Identifier: BSD-2-Clause
"""What several rules say: how they name CPUs, and what they mean for the ways."""

from __future__ import annotations

from collections.abc import Sequence

from roundpen.check.bearing import unsettles
from roundpen.check.board import Cpu

_NAMED = 4
STAY_BEHIND = unsettles(
    "kdump", because="not refused, not reliable: the other CPUs stay in the dead kernel"
)
ENDS_IN_BUG = "kexec is accepted on some CPUs, and the jump ends in a kernel BUG"
MODULE_WANTS_ALL = "Linux leaves out a CPU of the tree, and the module refuses then"
"""Where a tree's mistake costs a CPU: the next kernel's tree could not speak for that one."""
LEFT_OUT = "if the CPUs that Linux starts are enough: it leaves others out"
"""Where a tree's mistake costs a CPU, with or without kexec."""


def names(cpus: Sequence[Cpu]) -> str:
    """The CPUs' node names, the first few of many."""
    short = [cpu.path.rpartition("/")[2] for cpu in cpus[:_NAMED]]
    more = len(cpus) - len(short)
    return ", ".join(short) + (f" and {more} more" if more else "")


def of(some: Sequence[Cpu], all_of_them: Sequence[Cpu]) -> str:
    """How many of how many, and which."""
    return f"{len(some)} of {len(all_of_them)} CPUs ({names(some)})"

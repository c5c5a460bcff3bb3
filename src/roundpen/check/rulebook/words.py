# SPDX-License-Identifier: BSD-2-Clause
"""How the rules name CPUs in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from roundpen.check.board import Cpu

_NAMED = 4


def names(cpus: Sequence[Cpu]) -> str:
    """The CPUs' node names, the first few of many."""
    short = [cpu.path.rpartition("/")[2] for cpu in cpus[:_NAMED]]
    more = len(cpus) - len(short)
    return ", ".join(short) + (f" and {more} more" if more else "")


def of(some: Sequence[Cpu], all_of_them: Sequence[Cpu]) -> str:
    """How many of how many, and which."""
    return f"{len(some)} of {len(all_of_them)} CPUs ({names(some)})"

# SPDX-License-Identifier: BSD-2-Clause
"""Figures and their targets. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roundpen.contract import layout
from roundpen.errors import MachineError
from roundpen.lab.bench.trace import Call

CPU_OFF = 0x8400_0002
CPU_ON = 0xC400_0003
AFFINITY_INFO = 0xC400_0004


@dataclass(frozen=True)
class Figure:
    """One measured value; `target` is the most that it may be, None where there is none."""

    name: str
    value: float
    unit: str
    target: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.value <= self.target


def most(calls: Sequence[Call], function: int, *, parked: bool = False) -> int:
    """The most instructions that one of the `calls` of `function` took.

    Raises MachineError when there is none: a figure of nothing is no figure.
    """
    counts = [
        call.instructions for call in calls if (call.function, call.parked) == (function, parked)
    ]
    if not counts:
        raise MachineError(f"bench: the trace has no call of function {function:#x}")
    return max(counts)


def instruction_figures(few: Sequence[Call], many: Sequence[Call], cpus: int) -> list[Figure]:
    """Instructions per call, from a machine with 4 CPUs and one with `cpus`."""
    on = most(few, CPU_ON)
    ask = max(most(few, AFFINITY_INFO), most(many, AFFINITY_INFO))
    off = max(most(few, CPU_OFF, parked=True), most(many, CPU_OFF, parked=True))
    return [
        Figure("CPU_ON, 4 CPUs", on, "instructions", 150, "uncontended"),
        Figure(f"CPU_ON, {cpus} CPUs", most(many, CPU_ON), "instructions", on, "no more than on 4"),
        Figure("CPU_OFF until parked", off, "instructions", 120, "vector to poll"),
        Figure("AFFINITY_INFO", ask, "instructions"),
    ]


def receipt_figures(returns: Mapping[int, Sequence[int]]) -> list[Figure]:
    """Instructions from the return entry to the receipt, by exception level.

    Raises MachineError when there is none: a figure of nothing is no figure.
    """
    found = []
    for level, counts in sorted(returns.items(), reverse=True):
        if not counts:
            raise MachineError(f"bench: the trace has no return at EL{level}")
        name = f"return entry to receipt, EL{level}"
        found.append(Figure(name, max(counts), "instructions", 60, "offer return"))
    return found


def size_figures(code: bytes) -> list[Figure]:
    """Bytes that stay: `code` is the resident part's place, zeros behind it."""
    used = -(-len(code.rstrip(b"\0")) // 8) * 8
    return [
        Figure("resident code and constants", used, "bytes", layout.RESIDENT_MAX),
        Figure("reserved memory", layout.RESERVED_SIZE, "bytes", note=f"{layout.SLOT_MAX} CPUs"),
    ]


def gather_figures(
    seconds: Mapping[int, Sequence[float]], counted: Mapping[int, float]
) -> list[Figure]:
    """Gather time by number of CPUs, and whether it grows faster than they do.

    The boot CPU is not gathered, so what may grow in proportion is the number of the others.
    `counted`: seconds at 1 ns an instruction of any CPU. That has no noise, but contains what
    the firmware's own loop executes meanwhile, which on hardware takes nobody's time.
    """
    medians = {cpus: statistics.median(took) for cpus, took in seconds.items()}
    shares = {cpus: took / (cpus - 1) for cpus, took in medians.items()}
    growth = shares[max(shares)] / shares[min(shares)]
    found = [
        Figure(
            f"gather, {cpus} CPUs", took * 1e3, "ms", note=f"{counted[cpus] * 1e6:.1f} us by count"
        )
        for cpus, took in sorted(medians.items())
    ]
    name = f"gather per CPU, {max(shares)} by {min(shares)} CPUs"
    return [*found, Figure(name, growth, "ratio", 1, "1: as the number of CPUs")]


def boot_figures(
    added: Sequence[float], counted: Sequence[float], to_init: Sequence[float]
) -> list[Figure]:
    """`added`: seconds by the guest's clock; `counted` and `to_init`: at 1 ns an instruction."""
    own = statistics.median(counted)
    share = own / statistics.median(to_init)
    return [
        Figure("boot time added", statistics.median(added) * 1e3, "ms", 10,
               "guest's clock, busy host: more"),
        Figure("boot time added, by count", own * 1e3, "ms", note="1 ns per instruction"),
        Figure("share of kernel start to /init", share * 100, "%", note="trimmed kernel"),
    ]  # fmt: skip


def ratio_figures(ours: str, other: str, hotplug: float, kexec: float, runs: int) -> list[Figure]:
    """One way to start and stop CPUs by another: `ours` by `other`, as words for the reader."""
    note = f"to {other}, {runs} runs each"
    return [
        Figure(f"hotplug cycle, {ours}", hotplug, "ratio", 1.05, note),
        Figure(f"kexec round trip, {ours}", kexec, "ratio", 1.05, note),
    ]


def load_figures(seconds: Sequence[float]) -> list[Figure]:
    """Until the module has its pen and its tree stands: made, and in the next kernels adopted."""
    middle = statistics.median(seconds) * 1e3
    note = f"median of {len(seconds)}, 1 ns per instruction; insmod and mount are processes"
    return [Figure("module load, late pen", middle, "ms", note=note)]


def leaving_figures(seconds: Sequence[float]) -> list[Figure]:
    """From a dying CPU's last instruction in Linux until the CPU that asked saw the receipt."""
    middle, longest = statistics.median(seconds) * 1e6, max(seconds) * 1e6
    note = f"median of {len(seconds)} returns, 1 ns per instruction"
    return [
        Figure("last instruction in Linux to receipt seen", middle, "us", note=note),
        Figure("the longest of them", longest, "us", note="Linux polls every 26 to 100 us"),
    ]

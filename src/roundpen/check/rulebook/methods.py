# SPDX-License-Identifier: BSD-2-Clause
"""Rules about how the CPUs are started: enable-method, on each and on all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from roundpen.check import facts
from roundpen.check.bearing import ALL, PENS, TAKES_CPUS_BACK, closes, spares, unsettles
from roundpen.check.board import Cpu
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.rulebook.words import (
    ENDS_IN_BUG,
    LEFT_OUT,
    MODULE_WANTS_ALL,
    STAY_BEHIND,
    names,
    of,
)

_LINUX_METHODS = ("psci", "spin-table")
_SHOWN = 160


@rule(
    "RP002",
    Severity.ERROR,
    "no enable-method",
    why="Linux does not start a CPU that has no enable-method: all but the boot CPU stay where "
    "firmware has them. Many trees leave it for the loader to fill in.",
    do="Check the tree that the running system has (`roundpen check --live`), not the file. If "
    "it has none either, the loader has to fill it in: firmware with PSCI, or U-Boot's "
    "ARMV8_SPIN_TABLE, does so.",
    source="Linux, arch/arm64/kernel/cpu_ops.c: `missing enable-method property`",
    bears=(
        unsettles(*ALL, because="if the loader fills in the enable-methods", file_only=True),
        closes(*PENS, because="a CPU has no enable-method (NOT_SPIN_TABLE)"),
        unsettles("psci", "firmware-return", because=LEFT_OUT),
        closes("late", because=MODULE_WANTS_ALL),
        spares("nr-cpus", "kdump"),
    ),
)
def no_method(case: Case) -> Iterator[Hit]:
    """A secondary has no enable-method, nor has /cpus."""
    board = case.board
    without = [cpu for cpu in board.secondaries if cpu.method is None and not cpu.method_inherited]
    if not without:
        return
    promised = any(node.enabled for node in board.psci)
    yield Hit(
        without[0].path,
        "enable-method",
        f"none on {of(without, board.usable)}"
        + (", although there is a PSCI node" if promised else ""),
        '"psci" or "spin-table"',
        "check the tree that the loader hands over; it has to fill this in",
    )


@rule(
    "RP003",
    Severity.ERROR,
    "an enable-method that arm64 Linux does not know",
    why="Linux knows psci and spin-table on arm64. A CPU with any other method is left out.",
    do="Name the method that firmware has. Methods of 32-bit Arm vendors are none on arm64.",
    source="Linux, arch/arm64/kernel/cpu_ops.c: `unsupported enable-method property`",
    bears=(
        closes(*PENS, because="a CPU has no spin-table: the pen steps aside (NOT_SPIN_TABLE)"),
        unsettles("psci", "firmware-return", because=LEFT_OUT),
        closes("late", because=MODULE_WANTS_ALL),
        spares("nr-cpus", "kdump"),
    ),
)
def unknown_method(case: Case) -> Iterator[Hit]:
    """A secondary's method is neither psci nor spin-table."""
    board = case.board
    odd = [cpu for cpu in board.secondaries if cpu.method not in (None, *_LINUX_METHODS)]
    if odd:
        said = ", ".join(dict.fromkeys(f'"{cpu.method}"' for cpu in odd))
        yield Hit(
            odd[0].path,
            "enable-method",
            f"{said[:_SHOWN]} on {of(odd, board.usable)}",
            '"psci" or "spin-table"',
            "name the method that firmware has",
        )


@rule(
    "RP004",
    Severity.WARNING,
    "CPUs with different enable-methods",
    why="All CPUs of a board are started by the same firmware. Where the methods differ, a loader "
    "has changed some nodes and not others.",
    do="Find out which is true and make all the same.",
    source="lk2nd, lk2nd/smp/spin-table/spin-table.c leaves the boot CPU as it was",
)
def mixed_methods(case: Case) -> Iterator[Hit]:
    """The CPUs have more than one method; the boot CPU may have none."""
    by_method: dict[str, list[Cpu]] = defaultdict(list)
    for cpu in case.board.usable:
        if cpu.method is not None:
            by_method[cpu.method].append(cpu)
    if len(by_method) > 1:
        found = "; ".join(f'"{method}": {names(cpus)}' for method, cpus in by_method.items())
        odd = min(by_method.values(), key=len)[0]
        yield Hit(odd.path, "enable-method", found, "one method", "make them all the true one")


@rule(
    "RP005",
    Severity.WARNING,
    "enable-method in /cpus only",
    why="The Devicetree Specification lets /cpus say it for all CPUs, and 32-bit Arm trees do. "
    "Linux on arm64 looks into each CPU's node only, so it starts none of them.",
    do="Put the property into each CPU's node. The pen leaves it to you, and steps aside.",
    source="Linux, arch/arm64/kernel/cpu_ops.c: cpu_read_enable_method()",
    bears=(
        unsettles(
            *TAKES_CPUS_BACK,
            "nr-cpus",
            because="if the loader copies the enable-method into the CPUs' nodes",
            file_only=True,
        ),
        closes(*PENS, because="the CPUs' nodes have no enable-method (NOT_SPIN_TABLE)"),
        closes("late", because=MODULE_WANTS_ALL),
    ),
)
def inherited_method(case: Case) -> Iterator[Hit]:
    """Secondaries have their method from /cpus."""
    heirs = [cpu for cpu in case.board.secondaries if cpu.method_inherited]
    if heirs:
        yield Hit(
            "/cpus",
            "enable-method",
            f'"{heirs[0].inherited}" for {of(heirs, case.board.usable)}',
            "the property in each CPU's node",
            "copy it into the CPUs' nodes",
        )


@rule(
    "RP006",
    Severity.ERROR,
    "a boot CPU with another method than the rest",
    why="Whether kexec is accepted hangs on one CPU, the one that loads the kernel: with psci it "
    "can leave, and Linux takes it that all can. The jump then fails half-way (`Failed to offline "
    "CPU1 - error=-95`, or no error at all) in a kernel BUG, with all services stopped. On a CPU "
    "of a spin-table, or without a method, it is refused.",
    do="Give all CPUs the method that firmware has, the boot CPU too. Until then don't load a "
    "kernel, from no CPU; the pen makes them all the same.",
    source="measured, QEMU raspi3b, Linux 6.1; arch/arm64/kernel/smp.c: have_cpu_die(); "
    "kernel/cpu.c: smp_shutdown_nonboot_cpus()",
    bears=(
        closes(
            "psci",
            "firmware-return",
            because=ENDS_IN_BUG,
        ),
        closes("late", because="the module takes CPUs that have one enable-method, all the same"),
        STAY_BEHIND,
        spares(*PENS, "nr-cpus"),
    ),
)
def two_kinds(case: Case) -> Iterator[Hit]:
    """Of the CPUs that Linux counts some can leave the kernel, and some can't."""
    kinds = facts.two_kinds(case.board, case.system)
    if kinds is None:
        return
    leaving, staying = kinds
    boot = case.board.boot
    asked = "the boot CPU" if boot in leaving else f"one of {names(leaving)}"
    yield Hit(
        (boot or staying[0]).path,
        "enable-method",
        f"{_said(boot)} on the boot CPU; can't leave the kernel: {of(staying, case.board.usable)}",
        "one method on all of them",
        f"don't load a kernel on {asked}: it is accepted, and the jump ends in a kernel BUG",
    )


def _said(cpu: Cpu | None) -> str:
    return f'"{cpu.method}"' if cpu is not None and cpu.method is not None else "none"

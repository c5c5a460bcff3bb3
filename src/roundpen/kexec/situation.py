# SPDX-License-Identifier: BSD-2-Clause
"""All that a plan has come to before its reasons are asked for: what each of them gets to see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from roundpen.check.findings import Finding
from roundpen.check.ways import Route
from roundpen.kexec.inputs import Inputs
from roundpen.kexec.known import CONDITIONS, MIDR_CORE, KnownKernel, cores, faults
from roundpen.kexec.segments import MemoryNeed, NoRoom
from roundpen.kexec.system import System
from roundpen.kexec.tree import NextTree
from roundpen.kexec.wanted import SystemCall, Wanted, Way


@dataclass(frozen=True, slots=True)
class Situation:
    """The running system, what is wanted, and what follows from the two."""

    system: System
    wanted: Wanted
    inputs: Inputs
    findings: tuple[Finding, ...] = ()
    """`check --live`'s."""
    way: Way | None = None
    route: Route | None = None
    """`way` as `check` judges it; the best one, closed, where none is open."""
    call: SystemCall | None = None
    tree: NextTree | None = None
    no_room: NoRoom | None = None
    collisions: tuple[str, ...] = ()
    needs: MemoryNeed | None = None

    @property
    def late(self) -> bool:
        """By the module's pen?"""
        return self.way is Way.LATE

    @property
    def may_five_levels(self) -> bool | None:
        """Does the running kernel use five levels of tables (LPA2 with 4 KiB pages)?

        None: nothing says so. The log's beginning does; a configuration or a core can rule it out.
        """
        running, page = self.system.running, self.system.page_size
        if page not in (None, 4096) or running.option("ARM64_VA_BITS_52") is False:
            return False
        lines = [line for line in running.log if "52-bit Virtual Addressing (LPA2)" in line]
        if lines:
            return True
        old = {core.midr for core in cores()}
        midrs = self.system.cores
        if midrs and all(midr & MIDR_CORE in old for midr in midrs):
            return False
        begun = any("Booting Linux on physical CPU" in line for line in running.log)
        return False if begun else None

    def faults(self, whose: str) -> Iterator[tuple[KnownKernel, bool]]:
        """What known_kernels.toml has against the kernel, and whether it is certain here.

        `whose`: "running" or "next".
        """
        kernel, board = self.inputs.kernel, self.system.board
        release = self.system.release if whose == "running" else kernel.release if kernel else None
        holds = (
            self.may_five_levels,
            None if self.call is None else self.call is SystemCall.FILE_LOAD,
            board is not None and "linux,dummy-virt" in board.compatible,
        )
        return faults(whose, release, dict(zip(CONDITIONS, holds, strict=True)))

# SPDX-License-Identifier: BSD-2-Clause
"""The plan: what `roundpen kexec` would do on this system, and what speaks against it.

A frozen value. Whoever loads and jumps does what it says, and decides nothing again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from roundpen.check.ways import Route
from roundpen.kexec.reasons import Reason, Weight
from roundpen.kexec.segments import Area, MemoryNeed, Segment
from roundpen.kexec.system import System
from roundpen.kexec.tree import NextTree
from roundpen.kexec.wanted import SystemCall, Wanted, Way

FORMAT = "roundpen-kexec-1"
__all__ = ["Plan", "Promise", "Reason", "SystemCall", "Wanted", "Way", "Weight", "make"]


@dataclass(frozen=True, slots=True)
class KernelFile:
    """The kernel to go into. Sizes in bytes."""

    path: Path
    release: str | None
    banner: str | None
    packing: tuple[str, ...]
    """Layers around the Image, outermost first; empty: `path` is the Image itself."""
    image_size: int
    text_offset: int
    page_size: int | None
    size: int
    """Of the Image, unpacked."""
    sha256: str
    """Of the Image, unpacked."""
    as_it_is: bool
    """Give `path` to whoever loads; otherwise the unpacked Image (`image.payload.load`)."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the next kernel should find; the next boot is compared with it."""

    release: str | None
    cpus: int | None
    level: str | None
    """"EL1" or "EL2"."""
    pen: str | None
    """The region, as "0x<base> 0x<size>"; None without a pen."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. `refused` empty: nothing known is against it."""

    wanted: Wanted
    kernel: KernelFile | None
    """None: the file could not be read; `refused` says why."""
    way: Way | None
    route: Route | None
    """The way as `check` judges it."""
    load_module: bool
    """Has the module to be loaded first?"""
    module_way: str | None
    """The module's parameter `way`; "psci" only where that was asked for or is on record."""
    system_call: SystemCall | None
    segments: tuple[Segment, ...]
    """Empty when they can't be foreseen: without root there are no addresses."""
    memory: tuple[Area, ...]
    needs: MemoryNeed | None
    tree: NextTree | None
    lost: tuple[str, ...]
    """What does not survive the jump, a line each."""
    promise: Promise
    refused: tuple[Reason, ...]
    warnings: tuple[Reason, ...]

    def json(self) -> str:
        """The plan for machines."""
        return json.dumps({"format": FORMAT}, indent=2)


def make(system: System, wanted: Wanted) -> Plan:
    """The plan for `wanted` on `system`. Reads the files that `wanted` names, changes nothing.

    What is wrong with them is a reason in the plan, not an error.
    """
    return Plan(
        wanted=wanted,
        kernel=None,
        way=wanted.way,
        route=None,
        load_module=False,
        module_way=None,
        system_call=wanted.system_call,
        segments=(),
        memory=(),
        needs=None,
        tree=None,
        lost=(),
        promise=Promise(None, None, None, None),
        refused=(Reason("unfinished", Weight.MACHINE, "a plan that is not made yet", "wait"),),
        warnings=(),
    )

# SPDX-License-Identifier: BSD-2-Clause
"""The plan: what `roundpen kexec` would do on this system, and what speaks against it.

A frozen value. Whoever loads and jumps does what it says, and decides nothing again. The system
call is named here: kexec_load where the kernel has it, because only there a tree can be given;
kexec_file_load where it is the only one, or where lockdown leaves no other. Who makes the call
is kexec-tools either way; load.py argues it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from roundpen.check.board import Board, Range
from roundpen.check.findings import Finding, check
from roundpen.check.ways import Route
from roundpen.errors import UserError
from roundpen.kexec import inputs, segments, tree, way
from roundpen.kexec.inputs import Inputs, KernelFile
from roundpen.kexec.reasons import Reason, Weight, against, cautions
from roundpen.kexec.segments import Area, MemoryNeed, NoRoom, Segment, Sizes
from roundpen.kexec.situation import Situation
from roundpen.kexec.system import System
from roundpen.kexec.tree import NextTree
from roundpen.kexec.wanted import SystemCall, Wanted, Way

__all__ = [
    "KernelFile",
    "Plan",
    "Promise",
    "Reason",
    "SystemCall",
    "Wanted",
    "Way",
    "Weight",
    "make",
]

_PAGE = 4096
_A_TREE = 128 << 10
"""Bytes, where no tree can be read: more than any board's of Debian 13 has."""
_THE_PENS_PART = 4 << 10
"""Two nodes, and per CPU two addresses; as much as pen/boot/rewrite.c allows itself."""


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
    """None: none is open."""
    route: Route | None
    """The way as `check` judges it."""
    load_module: bool
    """Has the module to be loaded first? Then the plan has to be made again afterwards."""
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
        """The plan for machines (docs/kexec.schema.json)."""
        from roundpen.kexec.plan_json import document

        return document(self)


def make(system: System, wanted: Wanted) -> Plan:
    """The plan for `wanted` on `system`. Reads the files that `wanted` names, changes nothing.

    What is wrong with them is a reason in the plan, not an error.
    """
    return of(system, wanted, inputs.read(wanted, system.root))


def of(system: System, wanted: Wanted, given: Inputs) -> Plan:
    """The same, with the files as read. Pure."""
    board = system.board
    findings: tuple[Finding, ...] = ()
    chosen: tuple[Way | None, Route | None] = (wanted.way, None)
    if board is not None:
        findings = check(board, system.running)
        chosen = way.choose(system, board, findings, wanted.way)
    call = _call(system, wanted)
    next_tree, given = _tree(system, call, chosen[0] is Way.LATE, given)
    case = Situation(system, wanted, given, findings, *chosen, call, next_tree)
    placed = _place(case)
    case = _with_room(case, placed)
    return Plan(
        wanted=wanted,
        kernel=given.kernel,
        way=case.way,
        route=case.route,
        load_module=case.late and system.late is None,
        module_way=way.module_way(board) if case.late and board is not None else None,
        system_call=call,
        segments=() if isinstance(placed, NoRoom) else placed,
        memory=segments.memory_map(system.iomem, _stays(case)) if system.iomem.known else (),
        needs=case.needs,
        tree=next_tree,
        lost=tuple(_lost(case)),
        promise=_promise(case),
        refused=against(case),
        warnings=cautions(case),
    )


def _call(system: System, wanted: Wanted) -> SystemCall:
    if wanted.system_call is not None:
        return wanted.system_call
    running = system.running
    locked = running.lockdown in ("integrity", "confidentiality")
    if running.option("KEXEC_FILE") and (locked or running.option("KEXEC") is False):
        return SystemCall.FILE_LOAD
    return SystemCall.LOAD


def _tree(
    system: System, call: SystemCall, late: bool, given: Inputs
) -> tuple[NextTree | None, Inputs]:
    """The next kernel's tree; a given one that can't be used joins the troubles."""
    if system.board is None:
        return None, given
    try:
        return tree.next_tree(system, call, late, given.dtb), given
    except UserError as error:
        name = "dtb" if given.dtb is not None else "tree"
        return None, replace(given, troubles={**given.troubles, name: error})


# --- where everything goes -----------------------------------------------------------------


def _place(case: Situation) -> tuple[Segment, ...] | NoRoom:
    """Nothing where it can't be foreseen."""
    kernel, call, iomem = case.inputs.kernel, case.call, case.system.iomem
    if kernel is None or call is None or not iomem.known:
        return ()
    sizes = Sizes(
        kernel=kernel.size,
        image_size=kernel.header.image_size,
        text_offset=kernel.header.text_offset,
        initrd=case.inputs.initrd,
        tree=_tree_size(case),
    )
    pen = [area.range for area in _pen(case)]
    holes = segments.free(iomem, call, pen)
    return segments.place(sizes, holes, call, case.system.page_size or _PAGE)


def _tree_size(case: Situation) -> int:
    """Of a tree that is not known yet: the running one's and room for the pen's part."""
    known = case.tree.data if case.tree else None
    data = known if known is not None else case.system.tree
    if data is None or case.system.board is None:
        return _A_TREE
    size = tree.final_size(data, case.wanted.command_line)
    return size if known is not None else size + _THE_PENS_PART


def _with_room(case: Situation, placed: tuple[Segment, ...] | NoRoom) -> Situation:
    if isinstance(placed, NoRoom):
        return replace(case, no_room=placed)
    kernel, call, memory = case.inputs.kernel, case.call, case.system.memory
    if kernel is None or call is None or not placed:
        return case
    needs = segments.needs(
        placed,
        call,
        kernel.file_size + case.inputs.initrd,
        kernel.size,
        memory.for_the_kernel if memory else None,
        memory.total if memory else None,
    )
    return replace(case, needs=needs, collisions=segments.collisions(placed, _stays(case)))


def _stays(case: Situation) -> Sequence[Area]:
    """What the tree reserves, and the pen: nothing may lie over it."""
    board = case.system.board
    reserved = board.reserved if board is not None and not board.reservations_ignored else ()
    named = [
        Area(each.range, f"{each.path} (no-map)" if each.no_map else each.path) for each in reserved
    ]
    return [*named, *_pen(case)]


def _pen(case: Situation) -> list[Area]:
    late = case.system.late
    return [Area(Range(late.base, late.base + late.size), "the pen")] if late else []


# --- what remains, and what does not -------------------------------------------------------


def _promise(case: Situation) -> Promise:
    kernel, system, board = case.inputs.kernel, case.system, case.system.board
    level, late = system.running.entry_level, system.late
    pen = f"{late.base:#x} {late.size:#x}" if late is not None and case.late else None
    cpus = _cpus(case, board) if board is not None and case.way is not None else None
    return Promise(
        release=kernel.release if kernel else None,
        cpus=cpus,
        level=f"EL{level}" if level is not None else None,
        pen=pen,
    )


def _cpus(case: Situation, board: Board) -> int | None:
    """All that the tree has; nobody knows how a limit on the command line is read."""
    line = case.wanted.command_line.split()
    limited = any(word.startswith(("nr_cpus=", "maxcpus=", "nosmp")) for word in line)
    return None if limited else len(board.usable)


def _lost(case: Situation) -> list[str]:
    """What does not survive, beside every program that runs."""
    system, lost = case.system, ["what runs, and what is in memory only: /tmp, /run, connections"]
    if system.crash_loaded:
        lost.append("the capture kernel that is loaded for a crash: load it again")
    if case.late and system.late is None:
        lost.append("64 KiB of memory, for the pen, until the next start by firmware")
    if case.late:
        lost.append("the module: the next kernel needs its own, to go any further")
    if case.late and case.system.board and way.module_way(case.system.board) == "psci":
        lost.append("PSCI's idle states and suspend; reset and power-off stay")
    if case.way is Way.NR_CPUS:
        lost.append("kexec itself: the next kernel, with all CPUs, can't go any further")
    if case.inputs.dtb is not None:
        lost.append("overlays and parameters that firmware applied to its tree (config.txt)")
    lost.append("the picture, until the next kernel's driver for the display is up")
    return lost

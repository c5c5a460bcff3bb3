# SPDX-License-Identifier: BSD-2-Clause
"""From a plan to the jump: module, rehearsal, load, promise, jump. The order and nothing else.

Whatever ends this before the jump leaves the machine as it was, but for the module: no image is
loaded, no promise stands, every CPU is where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from roundpen.errors import RefusedError, RoundpenError, UserError
from roundpen.kexec import jump, late, load, rehearse, system, tree_mount, verdict
from roundpen.kexec.plan import Plan, Weight, make
from roundpen.kexec.rehearse import Rehearsal
from roundpen.kexec.system import System
from roundpen.kexec.wanted import Way
from roundpen.logbook.parse import Logbook

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A kernel that is loaded, by which `kexec`, and who would start it."""

    plan: Plan
    program: str
    by: jump.By


def refuse_caller(plan: Plan) -> None:
    """Raise UserError where another command line, file, user or place would do."""
    for reason in plan.refused:
        if reason.weight is Weight.CALLER:
            raise UserError(reason.found, remedy=reason.do)


def refuse(plan: Plan) -> None:
    """The same, and RefusedError where this machine or its kernel won't.

    The first reason is told, and how many more there are.
    """
    refuse_caller(plan)
    for reason in plan.refused:
        more = f" (and {len(plan.refused) - 1} more, see the plan)" if plan.refused[1:] else ""
        raise RefusedError(reason.found + more, remedy=reason.do)


def with_module(now: System, plan: Plan, tell: Tell) -> tuple[System, Plan]:
    """The system and the plan with the module in the kernel, where the way needs it.

    Only then the pen's place and the tree are known, so that the plan is made once more.
    """
    if plan.way is not Way.LATE:
        return now, plan
    if plan.load_module:
        tell(f"loading the module {late.NAME}")
        for line in late.insert(way=plan.module_way or ""):
            tell(f"  {line}")
    if tree_mount.put():
        tell(f"{tree_mount.SOURCE} mounted over {tree_mount.TARGET}")
    now = system.read()
    again = make(now, plan.wanted)
    refuse(again)
    return now, again


def run(
    now: System,
    plan: Plan,
    tell: Tell,
    rehearsed: Callable[[Rehearsal], None],
    *,
    rehearsal: bool = True,
) -> Loaded:
    """Rehearse, load, promise, and jump unless the plan is to load only.

    Without `rehearsal` the CPUs are not tried, and purgatory checks no digest. `rehearsed` gets
    what came of it. Comes back where nobody jumps yet, or where systemd does it.
    """
    program = now.kexec_tools
    if program is None:
        raise RefusedError("kexec-tools is not installed", remedy="install kexec-tools")
    if rehearsal and plan.way is not Way.NR_CPUS:
        rehearsed(rehearse.rehearse(now.online, _logbook, tell))
    ready = Loaded(plan, program, jump.by(systemd=now.systemd))
    with _all_or_nothing(program):
        tell(f"loading {plan.wanted.kernel}")
        for line in load.load(plan, program, digest=rehearsal):
            tell(f"  {line}")
        _promise(plan, now, tell)
        if not plan.wanted.load_only:
            tell(ready.by.value)
            jump.jump(ready.by, program)
    return ready


@contextmanager
def _all_or_nothing(program: str) -> Iterator[None]:
    """What ends the body early leaves nothing loaded and no promise.

    But for a load that fails: what others had loaded before stays then.
    """
    try:
        yield
    except load.NotLoadedError:
        raise
    except BaseException:
        load.unload(program)
        verdict.withdraw()
        raise


def _promise(plan: Plan, now: System, tell: Tell) -> None:
    """A disk that takes no promise is no reason to stay: then nothing will be compared."""
    tree = plan.tree.data if plan.tree is not None else now.tree
    try:
        verdict.write(verdict.of_plan(plan, tree))
    except RoundpenError as error:
        tell(f"the next boot can't be compared with the plan: {error}")


def _logbook() -> Logbook | None:
    """The pen's, by the module or by /dev/mem; None without a pen, or where nobody may read."""
    from roundpen.logbook import live

    try:
        return late.logbook() or live.read()
    except RoundpenError:
        return None

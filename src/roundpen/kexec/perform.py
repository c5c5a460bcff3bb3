# SPDX-License-Identifier: BSD-2-Clause
"""From a plan to the jump: module, rehearsal, load, promise, jump. The order and nothing else.

Whatever ends this before the jump leaves the machine as it was, but for the module: no image is
loaded, no promise stands, every CPU is where it was.
"""

from __future__ import annotations

from collections.abc import Callable
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
    """What is loaded, and how it came to be. `rehearsal`: None where there was none."""

    plan: Plan
    program: str
    by: jump.By
    rehearsal: Rehearsal | None


def refuse(plan: Plan) -> None:
    """Raise the first reason against `plan`, if there is one; it says how many more there are.

    UserError where another command line, file or user would do, RefusedError otherwise.
    """
    if not plan.refused:
        return
    first = min(plan.refused, key=lambda reason: reason.weight is not Weight.CALLER)
    more = len(plan.refused) - 1
    found = first.found + (f" (and {more} more, see the plan)" if more else "")
    kind = UserError if first.weight is Weight.CALLER else RefusedError
    raise kind(found, remedy=first.do)


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


def prepare(now: System, plan: Plan, tell: Tell, *, rehearsal: bool = True) -> Loaded:
    """Rehearse and load; the promise is written last.

    Without `rehearsal` the CPUs are not tried, and purgatory checks no digest.
    """
    program = now.kexec_tools
    if program is None:
        raise RefusedError("kexec-tools is not installed", remedy="install kexec-tools")
    tried = None
    if rehearsal and plan.way is not Way.NR_CPUS:
        tried = rehearse.rehearse(now.online, _logbook, tell)
    tell(f"loading {plan.wanted.kernel}")
    for line in load.load(plan, program, digest=rehearsal):
        tell(f"  {line}")
    try:
        _promise(plan, now, tell)
    except BaseException:
        drop(program)
        raise
    return Loaded(plan, program, jump.by(systemd=now.systemd), tried)


def go(ready: Loaded) -> None:
    """Jump. Comes back where systemd does it."""
    try:
        jump.jump(ready.by, ready.program)
    except BaseException:
        verdict.withdraw()
        raise


def drop(program: str) -> None:
    """There will be no jump: unload, and take the promise back."""
    load.unload(program)
    verdict.withdraw()


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

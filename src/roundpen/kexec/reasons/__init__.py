# SPDX-License-Identifier: BSD-2-Clause
"""The reasons against a plan, one small function each; and what to know besides.

Each is pure and looks at one thing; none knows of another. What `roundpen check --live` finds
comes in by the way that it closes. given.py: of what the caller gives; running.py: of the kernel
that runs and its CPUs; room.py: of memory, tree and devices; to_know.py: what refuses nothing.
"""

from __future__ import annotations

from roundpen.kexec.reasons.reason import Reason, Weight
from roundpen.kexec.situation import Situation

__all__ = ["Reason", "Weight", "against", "cautions"]


def against(case: Situation) -> tuple[Reason, ...]:
    """Every reason against, in a fixed order: what the caller can change comes first."""
    from roundpen.kexec.reasons import given, room, running

    judges = (*given.JUDGES, *running.JUDGES, *room.JUDGES)
    return tuple(reason for judge in judges for reason in judge(case))


def cautions(case: Situation) -> tuple[Reason, ...]:
    """What to know before the jump."""
    from roundpen.kexec.reasons import to_know

    return tuple(reason for judge in to_know.JUDGES for reason in judge(case))

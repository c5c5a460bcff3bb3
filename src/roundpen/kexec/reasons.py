# SPDX-License-Identifier: BSD-2-Clause
"""The reasons against a plan, one small function each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Weight(Enum):
    """What a reason means."""

    CALLER = "caller"
    """Against: not with this command line, file or user."""
    MACHINE = "machine"
    """Against: not on this machine, or not with its kernel as it runs now."""
    WARNING = "warning"
    """To know before the jump."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing against the plan: short texts, one line each."""

    name: str
    """The same for good, as "lockdown": what a script can go by."""
    weight: Weight
    found: str
    do: str

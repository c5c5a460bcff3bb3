# SPDX-License-Identifier: BSD-2-Clause
"""Checks of boards: rules over what a device tree says, and the routes that are open.

`read_board(path)` or `survey(Outline(data))` gives a `Board`; `check(board)` its findings;
`routes(board)` the ways to kexec, best first. docs/api.md shows them at work.
"""

from roundpen.check.bearing import State
from roundpen.check.board import (
    Address,
    Board,
    BootEvidence,
    Cpu,
    Excluded,
    Gic,
    Kind,
    Psci,
    Range,
    ReleaseState,
    Reserved,
    Trouble,
)
from roundpen.check.files import read_board
from roundpen.check.findings import Finding, Rule, Severity, check, find_rule, rules
from roundpen.check.run import Checked, check_board, check_file, check_files
from roundpen.check.survey import survey
from roundpen.check.system import Kernel, System
from roundpen.check.ways import Route, routes

__all__ = [
    "Address",
    "Board",
    "BootEvidence",
    "Checked",
    "Cpu",
    "Excluded",
    "Finding",
    "Gic",
    "Kernel",
    "Kind",
    "Psci",
    "Range",
    "ReleaseState",
    "Reserved",
    "Rule",
    "Route",
    "Severity",
    "State",
    "System",
    "Trouble",
    "check",
    "check_board",
    "check_file",
    "check_files",
    "find_rule",
    "read_board",
    "routes",
    "rules",
    "survey",
]

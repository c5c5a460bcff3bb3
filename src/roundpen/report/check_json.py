# SPDX-License-Identifier: BSD-2-Clause
"""A check as JSON. docs/check.schema.json is its schema; a test holds the two together."""

from __future__ import annotations

import json
from collections.abc import Iterable

from roundpen.check.board import Board, Cpu
from roundpen.check.findings import Finding
from roundpen.check.run import Checked
from roundpen.check.ways import Route

FORMAT = "roundpen-check-1"


def document(results: Iterable[Checked]) -> str:
    """The whole document as text."""
    return json.dumps(as_json(results), indent=2)


def as_json(results: Iterable[Checked]) -> dict[str, object]:
    """Plain values; addresses and sizes as numbers."""
    return {"format": FORMAT, "boards": [_checked(checked) for checked in results]}


def _checked(checked: Checked) -> dict[str, object]:
    if checked.board is None:
        return {"name": checked.name, "unreadable": checked.unreadable}
    return {
        "name": checked.name,
        "clean": not checked.counting,
        "board": _board(checked.board),
        "findings": [_finding(finding) for finding in checked.findings],
        "routes": [_route(route) for route in checked.routes],
    }


def _board(board: Board) -> dict[str, object]:
    return {
        "model": board.model,
        "compatible": list(board.compatible),
        "kind": board.kind.value,
        "size": board.size,
        "cpus": [_cpu(cpu) for cpu in board.cpus],
        "memory": [list(bank) for bank in board.memory],
        "reserved": [
            {"path": entry.path, "range": list(entry.range), "no_map": entry.no_map}
            for entry in board.reserved
        ],
        "pen_offer": board.pen_offer,
        "pen_refused": board.pen_refused,
    }


def _cpu(cpu: Cpu) -> dict[str, object]:
    return {
        "path": cpu.path,
        "id": cpu.hwid,
        "boot": cpu.is_boot,
        "method": cpu.method,
        "status": cpu.status,
        "release_address": cpu.release.value if cpu.release else None,
        "return_address": cpu.returns_to.value if cpu.returns_to else None,
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "title": finding.title,
        "node": finding.node,
        "property": finding.prop,
        "found": finding.found,
        "expected": finding.expected,
        "do": finding.do,
    }


def _route(route: Route) -> dict[str, object]:
    return {
        "name": route.name,
        "title": route.title,
        "state": route.state.value,
        "reason": route.reason,
        "needs": route.needs,
        "costs": route.costs,
        "keeps": route.keeps,
        "known": route.known,
        "findings": list(route.findings),
    }

# SPDX-License-Identifier: BSD-2-Clause
"""A check as SARIF, for tools that show findings in code review.

Format: OASIS Static Analysis Results Interchange Format (SARIF) 2.1.0. A DTB has no lines, so
a place is a file plus the node's path as a logical location (3.33).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from roundpen import __version__
from roundpen.check.findings import Finding, Rule
from roundpen.check.run import Checked

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def document(results: Iterable[Checked], rules: Sequence[Rule]) -> str:
    """The whole log as text."""
    return json.dumps(as_json(results, rules), indent=2)


def as_json(results: Iterable[Checked], rules: Sequence[Rule]) -> dict[str, object]:
    """One run with every rule and every finding."""
    numbers = {entry.code: number for number, entry in enumerate(rules)}
    every = list(results)
    unreadable = [checked for checked in every if checked.board is None]
    run: dict[str, object] = {
        "tool": {
            "driver": {
                "name": "roundpen check",
                "semanticVersion": __version__,
                "rules": [_rule(entry) for entry in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not unreadable,
                "toolExecutionNotifications": [_notification(checked) for checked in unreadable],
            }
        ],
        "results": [
            _result(checked, finding, numbers[finding.code])
            for checked in every
            for finding in checked.findings
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(entry: Rule) -> dict[str, object]:
    return {
        "id": entry.code,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.why},
        "help": {"text": f"{entry.do} Source: {entry.source}"},
        "defaultConfiguration": {"level": entry.severity.value},
    }


def _uri(name: str) -> str:
    path = Path(name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _result(checked: Checked, finding: Finding, number: int) -> dict[str, object]:
    text = f"{finding.title}: found {finding.found}"
    if finding.expected:
        text += f"; expected {finding.expected}"
    node = {"fullyQualifiedName": finding.node, "kind": "member"}
    if finding.prop:
        node["name"] = finding.prop
    return {
        "ruleId": finding.code,
        "ruleIndex": number,
        "level": finding.severity.value,
        "message": {"text": f"{text}. To do: {finding.do}."},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _uri(checked.name)}},
                "logicalLocations": [node],
            }
        ],
    }


def _notification(checked: Checked) -> dict[str, object]:
    return {
        "level": "error",
        "message": {"text": checked.unreadable},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(checked.name)}}}],
    }

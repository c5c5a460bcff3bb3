# SPDX-License-Identifier: BSD-2-Clause
"""The bench's figures as a table for people and as JSON for programs."""

from __future__ import annotations

from rich.table import Table

from roundpen.lab.bench.figures import Figure
from roundpen.lab.bench.measure import Report

_VERDICTS = {True: "met", False: "MISSED", None: ""}


def as_json(report: Report) -> dict[str, object]:
    """Plain values; `met` is null for a figure without a target."""
    return {
        "machine": report.machine,
        "met": report.met,
        "figures": [
            {
                "name": figure.name,
                "value": figure.value,
                "unit": figure.unit,
                "target": figure.target,
                "met": figure.met,
                "note": figure.note,
            }
            for figure in report.figures
        ],
    }


def table(report: Report) -> Table:
    """One row per figure."""
    result = Table("figure", "value", "at most", "", "note")
    result.columns[1].justify = result.columns[2].justify = "right"
    for figure in report.figures:
        target = "" if figure.target is None else _number(figure.target)
        style = "red" if figure.met is False else None
        verdict = _VERDICTS[figure.met]
        result.add_row(figure.name, _value(figure), target, verdict, figure.note, style=style)
    return result


def headline(report: Report) -> str:
    """The machine in one line."""
    about = report.machine
    parts = [f"{about['host_cores']} x {about['host_cpu']}, load {about['load']}"]
    for name, title in (("qemu", "QEMU "), ("kernel", ""), ("python", "Python ")):
        if name in about:
            parts.append(f"{title}{about[name]}")
    return "; ".join(parts)


def _value(figure: Figure) -> str:
    return f"{_number(figure.value)} {figure.unit}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"

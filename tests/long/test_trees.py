# SPDX-License-Identifier: BSD-2-Clause
"""All trees of tests/trees, plain and wrapped, with a table of what came of each."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.table import Table

from tests.trees.compare import HEAD, KEPT, Row, cells, compare
from tests.trees.drawn import drawn
from tests.trees.kinds import CASES, Case

pytestmark = pytest.mark.timeout(900)
ALL = [*CASES, *drawn()]


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    """Collects what came of each tree; at the end the table goes to build/trees and the screen."""
    found: list[Row] = []
    yield found
    table = Table(*HEAD, title=f"{len(found)} trees, plain and wrapped")
    for row in found:
        table.add_row(*cells(row))
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "table.txt").open("w") as stream:
        Console(file=stream, width=240).print(table)
    data = [dict(zip(HEAD, cells(row), strict=True)) | {"problems": row.problems} for row in found]
    (KEPT / "table.json").write_text(json.dumps(data, indent=1) + "\n")


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in ALL}) == len(ALL) >= 40


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_linux_check_and_pen(case: Case, rows: list[Row]) -> None:
    row = compare(case)
    rows.append(row)
    assert row.problems == []

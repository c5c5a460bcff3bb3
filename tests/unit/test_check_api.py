# SPDX-License-Identifier: BSD-2-Clause
"""docs/api.md: its example runs, and it names what there is."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

import roundpen.check as api
from tests.unit.check_boards import spin

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path) -> None:
    (tmp_path / "board.dtb").write_bytes(spin().dtb())
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "A board for tests 4 {'spin-table'}",
        'RP040 error /cpus/cpu@1 "spin-table" without cpu-return-addr on 3 of 4 CPUs '
        "(cpu@1, cpu@2, cpu@3)",
        "pen-psci-el2 entered at EL2",
    ]


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_on_the_page(name: str) -> None:
    assert re.search(rf"`{name}[`(]", PAGE)


@pytest.mark.parametrize("value", [api.Finding, api.Rule, api.Route, api.Checked])
def test_every_field_is_on_the_page(value: type) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{value.__name__}` |")]
    hidden = {"find"}  # a rule's function, which `check` calls
    for field in dataclasses.fields(value):
        assert f"`{field.name}`" in row or field.name in hidden

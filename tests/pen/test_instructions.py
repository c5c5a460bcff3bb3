# SPDX-License-Identifier: BSD-2-Clause
"""Instructions per call into the pen that is shipped: exact, the same on every host."""

from __future__ import annotations

import re

import pytest

from roundpen.lab import emulator, machines
from roundpen.lab.bench import bare, figures
from roundpen.lab.bench.figures import Figure
from roundpen.lab.firmware.build import compiler
from tests.unit.test_docs import DOCS, table

MANY = 64


@pytest.fixture(scope="module")
def counted() -> dict[str, Figure]:
    qemu = emulator.find(machines.machine("psci"))
    few, many = (bare.count(bare.machine(cpus), qemu) for cpus in (4, MANY))
    found = figures.instruction_figures(few.calls, many.calls, MANY)
    return {figure.name: figure for figure in [*found, *figures.size_figures(few.code)]}


@pytest.mark.parametrize(
    "name",
    ["CPU_ON, 4 CPUs", "CPU_ON, 64 CPUs", "CPU_OFF until parked", "resident code and constants"],
)
def test_the_target_is_met(counted: dict[str, Figure], name: str) -> None:
    figure = counted[name]
    assert figure.target is not None
    assert figure.value <= figure.target


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("`CPU_ON`, 4 and 64 CPUs", "CPU_ON, 64 CPUs"),
        ("`CPU_OFF` until parked", "CPU_OFF until parked"),
        ("`AFFINITY_INFO`", "AFFINITY_INFO"),
        ("resident code and constants, reserved memory", "resident code and constants"),
    ],
)
def test_the_document_says_the_same(counted: dict[str, Figure], row: str, name: str) -> None:
    (value,) = [value for figure, value, _ in table(DOCS / "status.md", "figures") if figure == row]
    # Counting has no chance in it, but another compiler makes another binary.
    if " 12.2." in compiler():
        found = int(re.findall(r"[\d,]+", value)[0].replace(",", ""))
        assert found == counted[name].value, "docs/status.md, table of figures"

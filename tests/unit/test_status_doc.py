# SPDX-License-Identifier: BSD-2-Clause
"""docs/status.md: the tests that it names exist, none that starts a machine is left out, and the
targets of its figures are the bench's."""

from __future__ import annotations

import re

import pytest

from roundpen.contract import layout
from roundpen.lab.bench import figures
from roundpen.lab.bench.figures import AFFINITY_INFO, CPU_OFF, CPU_ON, Figure
from roundpen.lab.bench.trace import Call
from tests.unit.test_citations import targets
from tests.unit.test_contract_doc import functions
from tests.unit.test_docs import DOCS, ROOT, table

STATUS = DOCS / "status.md"
FOLDERS = ("boards", "boot", "install", "long", "pen", "proof", "series")
"""What starts machines, searches, or judges other people's things: what shows something."""
DATE = r"20\d\d-\d\d-\d\d\b.*|not yet\b.*"


def shown() -> list[list[str]]:
    return table(STATUS, "shown")


def named(cell: str) -> list[tuple[str, str]]:
    """File and function, the latter empty where the file stands alone."""
    return re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", cell)


def test_every_test_named_exists() -> None:
    for what, by, *_ in shown():
        assert named(by), what
        for file, name in named(by):
            assert (ROOT / file).is_file(), f"{what}: {file}"
            assert not name or name in functions(ROOT / file), f"{what}: {file}::{name}"


def test_every_test_that_shows_something_is_named() -> None:
    known = {file for _, by, *_ in shown() for file, _ in named(by)}
    for folder in FOLDERS:
        for path in sorted((ROOT / "tests" / folder).glob("test_*.py")):
            name = str(path.relative_to(ROOT))
            assert name in known, f"docs/status.md, table of what is shown: needs a row for {name}"


def test_what_make_test_leaves_out_has_a_date() -> None:
    for what, by, _, ran in shown():
        long = {file.startswith("tests/long/") for file, _ in named(by)}
        assert len(long) == 1, f"{what}: a row of tests/long, and one of the others"
        assert re.fullmatch(DATE if long == {True} else "each change", ran), f"{what}: {ran}"
    for command, *_, ran in table(STATUS, "by-hand"):
        assert re.fullmatch(DATE, ran), f"{command}: {ran}"


def test_every_target_is_a_first_command() -> None:
    rows = table(STATUS, "first-commands")
    named = [name for target, *_ in rows for name in re.findall(r"`([a-z-]+)`", target)]
    # test-long is what tries the others.
    assert set(named) == targets() - {"test-long"}
    assert len(named) == len(set(named))
    for target, *cells in rows:
        assert all(re.fullmatch(DATE, cell) for cell in cells), target


def bench_figures() -> dict[str, Figure]:
    """The bench's figures, of made-up measurements: only their targets are looked at."""
    calls = [Call(0, call, 1, parked=call == CPU_OFF) for call in (CPU_ON, CPU_OFF, AFFINITY_INFO)]
    found = figures.instruction_figures(calls, calls, 64)
    found += figures.receipt_figures({1: [1], 2: [1]})
    found += figures.size_figures(b"\1")
    found += figures.boot_figures([1.0], [1.0], [1.0])
    found += figures.ratio_figures("one", "another", 1, 1, 1)
    return {figure.name: figure for figure in found}


@pytest.mark.parametrize(
    ("row", "figure"),
    [
        ("`CPU_ON`, 4 and 64 CPUs", "CPU_ON, 4 CPUs"),
        ("`CPU_OFF` until parked", "CPU_OFF until parked"),
        ("boot time added, **QEMU's**", "boot time added"),
        ("offer `return` against QEMU's own PSCI", "hotplug cycle, one"),
        ("offer `return`: return entry to receipt, EL2 and EL1", "return entry to receipt, EL2"),
    ],
)
def test_targets_are_the_benchs(row: str, figure: str) -> None:
    (target,) = [target for name, _, target in table(STATUS, "figures") if name == row]
    wanted = bench_figures()[figure].target
    assert wanted is not None
    assert float(re.findall(r"[\d.]+", target)[0]) == wanted


def test_sizes_are_the_layouts() -> None:
    (row,) = [row for row in table(STATUS, "figures") if row[0].startswith("resident code")]
    limits = f"{layout.RESIDENT_MAX >> 10} KiB, {layout.RESERVED_SIZE >> 10} KiB"
    assert row[2] == limits
    assert row[1].endswith(f", {layout.RESERVED_SIZE >> 10} KiB")


@pytest.mark.parametrize(
    "document", ["README.md", "docs/out-of-scope.md", "docs/contract.md", "kernel/README.md",
                 "docs/upstream.md", "docs/architecture.md"],
)  # fmt: skip
def test_the_others_link_here(document: str) -> None:
    assert re.search(r"\]\([\w./]*\bstatus\.md[)#]", (ROOT / document).read_text(encoding="utf-8"))

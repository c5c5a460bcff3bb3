# SPDX-License-Identifier: BSD-2-Clause
"""docs/reading.md against the code: every function that it names is where it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from roundpen import cache
from roundpen.check import board, reading
from roundpen.kernel.source import ORIGINS
from tests.unit.test_docs import DOCS, ROOT, table

PAGE = DOCS / "reading.md"
TABLES = ("reading-cpus", "reading-strings", "reading-psci", "reading-memory")
ROWS = [row for name in TABLES for row in table(PAGE, name)]
PLACE = re.compile(r"`([\w./-]+\.c): ([^`]+)`(?: \((\d\.\d+)\))?")


def quoted(cell: str) -> list[str]:
    return [name.removesuffix("()") for name in re.findall(r"`([^`]+)`", cell)]


def places(cell: str) -> list[tuple[str, str]]:
    """File and function, of each that a cell names."""
    return [
        (file, function.strip().removesuffix("()"))
        for file, functions, _ in PLACE.findall(cell)
        for function in functions.split(",")
    ]


def test_every_row_names_a_place_in_linux() -> None:
    assert all(places(row[2]) for row in ROWS)


@pytest.mark.parametrize("name", sorted({name for row in ROWS for name in quoted(row[3])}))
def test_ours_in_python(name: str) -> None:
    home, _, attribute = name.rpartition(".")
    owner = {"": reading, "survey": sys.modules["roundpen.check.survey"], "Board": board.Board}[
        home
    ]
    assert callable(getattr(owner, attribute)) or isinstance(getattr(owner, attribute), property)


@pytest.mark.parametrize("name", sorted({name for row in ROWS for name in quoted(row[4])}))
def test_ours_in_c(name: str) -> None:
    definition = re.compile(rf"^\w[\w \t*]*\b{name}\([^;]*\)\n\{{", re.MULTILINE)
    files = sorted((ROOT / "pen" / "boot").glob("*.c"))
    assert any(definition.search(path.read_text()) for path in files), name


def sources() -> list[tuple[str, Path]]:
    """Linux's sources in the cache, by line; none where nobody has built a kernel yet."""
    folder = cache.root() / "linux-source"
    return [
        (line, path)
        for line, origin in ORIGINS.items()
        for path in sorted(folder.glob(f"*/{origin.package}"))
    ]


@pytest.mark.skipif(not sources(), reason="no Linux source in the cache: make series fetches it")
def test_linuxs_are_in_linux() -> None:
    missing = []
    for line, tree in sources():
        for row in ROWS:
            for file, function in places(row[2]):
                if not _is_in(line, tree, file, function, row[2]):
                    missing.append(f"{line}: {file}: {function}")
    assert not missing


def _is_in(line: str, tree: Path, file: str, function: str, cell: str) -> bool:
    named_for = {version for name, _, version in PLACE.findall(cell) if name == file}
    if named_for - {""} and line not in named_for:
        return True
    if line == "6.1" and file == "drivers/of/cpu.c":
        file = "drivers/of/base.c"
    text = (tree / file).read_text(encoding="utf-8", errors="replace")
    return re.search(rf"^[\w \t*]*\b{function}\([^;]*?\)\n\{{", text, re.MULTILINE) is not None

# SPDX-License-Identifier: BSD-2-Clause
"""docs/contract.md: its clauses, and what it says of patches, sources and tests, exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from roundpen.kernel import series
from tests.unit.test_docs import DOCS, ROOT, table

CONTRACT = DOCS / "contract.md"
CLAUSE = r"\b[TWSRFAC]\d{1,2}\b"


def clauses() -> list[str]:
    """The numbers of the clauses, in the order of the text."""
    return re.findall(rf"^- \*\*({CLAUSE})\*\* ", CONTRACT.read_text(encoding="utf-8"), re.M)


def patches(line: str) -> dict[int, str]:
    """Number and text of each patch of a kernel line."""
    files = series.lines()[line].patches
    return {int(path.name[:4]): path.read_text(encoding="utf-8") for path in files}


def subject(text: str) -> str:
    """A patch's subject, unfolded and without its `[PATCH n/m]`."""
    found = re.search(r"^Subject: \[[^]]*\] ((?:.*\n )*.*)", text, re.M)
    assert found is not None
    return found[1].replace("\n ", " ")


def numbers(cell: str) -> list[int]:
    """The numbers of patches in a cell: "2, 7" or "8: `function`; 5"."""
    return [int(number) for number in re.findall(r"(?:^|[,;] )(\d+)\b", cell)]


def test_clauses_are_numbered_without_gaps() -> None:
    found = clauses()
    assert len(found) > 30
    for letter in dict.fromkeys(number[0] for number in found):
        own = [number for number in found if number[0] == letter]
        assert own == [f"{letter}{count + 1}" for count in range(len(own))]


def test_every_clause_says_where_it_is_implemented() -> None:
    rows = table(CONTRACT, "clauses")
    assert [row[0] for row in rows] == clauses()


def test_every_normative_sentence_is_in_a_clause() -> None:
    text = CONTRACT.read_text(encoding="utf-8").partition("## T: ")[2].partition("## Why the ")[0]
    outside = re.sub(rf"^- \*\*{CLAUSE}\*\* .*\n(?:  .*\n)*", "", text, flags=re.M)
    assert not re.search(r"\b(MUST|SHOULD|MAY)\b", outside)


CITING = [
    path
    for folder in ("docs", "kernel", "pen", "src", "tests")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".md", ".S", ".c", ".h", ".py", ".pml", ".patch"}
]


def test_no_clause_is_cited_that_does_not_exist() -> None:
    known, seen = set(clauses()), 0
    for path in CITING:
        text = path.read_text(encoding="utf-8")
        for cited in re.findall(rf"contract, ({CLAUSE}(?:(?:,| and| to) {CLAUSE})*)", text, re.I):
            for number in re.findall(CLAUSE, cited):
                seen += 1
                assert number in known, f"{path.relative_to(ROOT)}: contract, {cited}"
    assert seen, "the sources cite no clause at all: the pattern is wrong"


def test_objections_name_clauses_and_patches() -> None:
    known, count = set(clauses()), len(patches("6.1"))
    for asked, met, by, _ in table(CONTRACT, "objections"):
        assert set(re.findall(CLAUSE, met)) <= known, asked
        assert re.findall(CLAUSE, met) or met.startswith("none"), asked
        assert all(1 <= number <= count for number in numbers(by)), asked
        assert numbers(by) or by == "none", asked


@pytest.mark.parametrize("line", ["6.1", "6.12"])
def test_the_patches_are_the_series(line: str) -> None:
    rows = [(int(row[0]), row[1]) for row in table(CONTRACT, "patches")]
    assert rows == [(number, subject(text)) for number, text in patches(line).items()]


def functions(path: Path) -> set[str]:
    """The names of the tests that a file defines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_named_exists() -> None:
    for asked, *_, cell in table(CONTRACT, "objections"):
        assert "`tests/" in cell, asked
        for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", cell):
            assert (ROOT / file).is_file(), f"{asked}: {file}"
            assert not name or name in functions(ROOT / file), f"{asked}: {file}::{name}"


@pytest.mark.parametrize("line", ["6.1", "6.12"])
def test_the_series_has_every_function_named(line: str) -> None:
    known = patches(line)
    for clause, linux, _ in table(CONTRACT, "clauses"):
        for part in linux.split("; "):
            names = re.findall(r"`(\w+)`", part)
            text = "".join(known[number] for number in numbers(part))
            assert not names or text, f"{clause}: {part} names no patch"
            for name in names:
                assert re.search(rf"^[+ @-].*\b{name}\b", text, re.M), f"{clause}: {name}"


def test_the_pen_has_every_symbol_named() -> None:
    text = "".join(path.read_text() for path in (ROOT / "pen/resident").glob("*.S"))
    for clause, *_, pen in table(CONTRACT, "clauses"):
        for name in re.findall(r"`(\w+)`", pen):
            assert f"\n{name}:" in text, f"{clause}: {name}"

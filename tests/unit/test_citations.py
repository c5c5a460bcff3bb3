# SPDX-License-Identifier: BSD-2-Clause
"""What sources and documents cite of ours is there: file, heading, clause, test, verb, option.

Written as `docs/NAME.md`, then a comma and a heading or a clause; `(contract, T1)` for short. A
document that gets other headings would leave the citations behind, and who follows one finds
nothing.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundpen.cli import main as cli
from tests.unit.test_contract_doc import CLAUSE, clauses, functions
from tests.unit.test_docs import DOCUMENTS, ROOT

SUFFIXES = {".S", ".c", ".h", ".lds", ".md", ".patch", ".pml", ".py", ".sh", ".toml"}
CITING = [
    *(
        path
        for folder in ("docs", "kernel", "pen", "scripts", "src", "tests")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in SUFFIXES and path != Path(__file__)
    ),
    *(ROOT / name for name in ("Makefile", "README.md", "scripts/setup")),
]
OWN = re.compile(
    r"(?<![\w/.<-])((?:docs|pen|src|tests)/[\w./-]*\w\.(?:S|c|h|json|lds|md|pml|py|sh|toml))\b"
)
"""A file of ours, by its path from the top. Linux has no such folders at its top."""


def headings(document: str) -> set[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return {line.replace("`", "") for line in re.findall(r"^#+ (.+)$", text, re.M)}


def cited(text: str) -> list[tuple[str, str]]:
    """Document, and what is cited of it: a heading begins with a capital letter."""
    return re.findall(r"\b(docs/[\w/-]+\.md), \"?([A-Z][^;\"')`.:\n]*)", text)


def unwrapped(path: Path) -> str:
    """The text with the line ends inside of paragraphs taken out: a citation may go over one."""
    text = path.read_text(encoding="utf-8")
    marks = r"(?!#)" if path.suffix == ".md" else r"(?:\*|//|#)?[ \t]*"
    return re.sub(rf"(?<=\S)\n[ \t]*{marks}(?=\S)", " ", text)


def fits(document: str, words: str) -> bool:
    """Whether `words` begin with a clause or a heading of the document."""
    if re.match(CLAUSE, words):
        known = set(clauses())
        return document == "docs/contract.md" and set(re.findall(CLAUSE, words)) <= known
    return any(
        words == name or words.startswith((f"{name} ", f"{name},")) or name.startswith(f"{words} ")
        for name in headings(document)
    )


def test_headings_and_clauses_exist() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {document} has no {words!r}"
        for path in CITING
        for document, words in cited(unwrapped(path))
        if not (ROOT / document).is_file() or not fits(document, words)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_contract_is_cited_by_clause() -> None:
    for path in CITING:
        for words in re.findall(r"\(contract, ([A-Z][^;)]*)\)", unwrapped(path)):
            numbers = re.findall(CLAUSE, words)
            assert numbers, f"{path.relative_to(ROOT)}: contract, {words}"
            assert set(numbers) <= set(clauses()), f"{path.relative_to(ROOT)}: contract, {words}"


def test_files_exist() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}, line {number}: {name}"
        for path in CITING
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for name in OWN.findall(line)
        if not (ROOT / name).exists()
    ]
    assert not wrong, "\n".join(wrong)


def test_the_patterns_find_what_they_are_for() -> None:
    assert sum(len(cited(unwrapped(path))) for path in CITING) > 5
    assert cited("see docs/x.md, which says") == []
    assert cited("docs/contract.md, Device tree, rule 1; more") == [
        ("docs/contract.md", "Device tree, rule 1")
    ]
    assert not fits("docs/contract.md", "Device tree, rule 1")
    assert not fits("docs/contract.md", "T99")
    assert fits("docs/contract.md", "F1 to F5")
    assert fits("docs/formats.md", "CPU states")
    assert OWN.findall("(see pen/resident/lock.c)") == ["pen/resident/lock.c"]
    assert OWN.findall("arch/arm64/pen/x.c, <src/x.h>") == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_tests_named_exist(path: Path) -> None:
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)", path.read_text(encoding="utf-8")):
        assert name in functions(ROOT / file), f"{file}::{name}"


def code(path: Path) -> str:
    """What stands in fences and in backticks, one piece a line; lines that go on, joined."""
    text = path.read_text(encoding="utf-8")
    fenced = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.M | re.S)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S))
    return "\n".join([*fenced, *inline]).replace("\\\n", " ")


def parsers(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each verb and sub-verb, as it is typed, and its parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield name, below
                yield from ((f"{name} {more}", deeper) for more, deeper in parsers(below))


VERBS = dict(parsers(cli.parser()))
COMMAND = r"(?:^|[ /(])roundpen ((?!-)[a-z][a-z-]*)((?: [^\n#|;&]*)?)"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_verbs_and_options_exist(path: Path) -> None:
    for verb, rest in re.findall(COMMAND, code(path), re.M):
        command = f"roundpen {verb}{rest}"
        assert verb in VERBS, f"{path.name}: {command}"
        below = f"{verb} {rest.split()[0]}" if rest.split() else ""
        known = VERBS.get(below, VERBS[verb])._option_string_actions
        for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rest):
            assert option in known, f"{path.name}: {command}: {option}"


def targets() -> set[str]:
    """What make can be asked for here."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.M))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_targets_of_make_exist(path: Path) -> None:
    for target in re.findall(r"^make ([a-z][a-z-]*)", code(path), re.M):
        # The kernel's own, in Linux' trees.
        assert target in targets() | {"mrproper"}, f"{path.name}: make {target}"


def test_make_help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"@echo 'make ([a-z][a-z-]*) ", text))
    assert named == targets() - {"help"}
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.M)
    assert set(phony.split()) == targets()

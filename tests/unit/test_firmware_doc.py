# SPDX-License-Identifier: BSD-2-Clause
"""docs/firmware.md shows the file that the lab's firmware is built from, whole and short."""

from __future__ import annotations

import re
from pathlib import Path

from roundpen.cli import main as cli
from roundpen.kernel import trimmed
from roundpen.lab import machines
from roundpen.lab.firmware import build
from tests.unit.test_contract_doc import CLAUSE, clauses
from tests.unit.test_docs import DOCS, table

DOCUMENT = DOCS / "firmware.md"
EXAMPLE = Path(build.__file__).parent / "home.S"
LINES = 40
"""At most, comments, directives and the licence included."""


def test_the_example_is_the_file() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- example -->\n```asm\n(.*?)```\n", text, re.S)
    assert block == EXAMPLE.read_text(encoding="utf-8")
    assert len(block.splitlines()) <= LINES


def test_the_example_is_compiled_as_it_is() -> None:
    assert EXAMPLE.name in build.SOURCES
    text = EXAMPLE.read_text(encoding="utf-8")
    # Nothing comes in from elsewhere that the reader does not see.
    assert not re.search(r"#include|\.include|\.macro|#if", text)
    assert set(re.findall(r"\.globl\s+(.*)", text)) == {"home, park"}


def test_clauses_cited_exist() -> None:
    known = set(clauses())
    for path in (DOCUMENT, EXAMPLE):
        cited = set(re.findall(CLAUSE, path.read_text(encoding="utf-8"))) - {"SCTLR_EL1"}
        assert cited, path.name
        assert cited <= known, path.name


def test_every_mistake_names_its_clause() -> None:
    for what, seen, clause in table(DOCUMENT, "mistakes"):
        assert re.fullmatch(rf"{CLAUSE}(, {CLAUSE})*", clause), what
        assert seen


def test_the_commands_are_understood() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    commands = re.findall(r"^ +roundpen (lab run .*)$", text, re.M)
    assert commands
    for command in commands:
        given = cli.parser().parse_args(command.split())
        assert machines.machine(given.machine).returns
        assert given.kernel in trimmed.FLAVOURS

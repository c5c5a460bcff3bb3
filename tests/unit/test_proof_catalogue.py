# SPDX-License-Identifier: BSD-2-Clause
"""Models and their tables belong together, and docs/proof.md says what they say."""

from __future__ import annotations

import re

import pytest

from roundpen.proof import catalogue
from roundpen.proof.catalogue import STARVES, WAITS, Model
from roundpen.report import proof as report
from tests.unit.test_docs import DOCS

ALL = catalogue.load()
MODELS = list(ALL.models.values())


def source(model: Model) -> str:
    texts = [(catalogue.folder() / model.file).read_text(encoding="utf-8")]
    for name in re.findall(r'#include "(\w+\.pml)"', texts[0]):
        if name != "switches.pml":
            texts.append((catalogue.folder() / name).read_text(encoding="utf-8"))
    return "\n".join(texts)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_switch_is_in_its_model(model: Model) -> None:
    text = re.sub(r"/\*.*?\*/", "", source(model), flags=re.S)
    missing = [name for name in ALL.switches(model) if not re.search(rf"\b{name}\b", text)]
    assert missing == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_property_has_a_check_and_a_mutant_that_violates_it(model: Model) -> None:
    checked = set(re.findall(r'VIOLATED\("!%d %d (.+?)\\n"', source(model)))
    named = {words for name, words in model.properties.items() if name not in (WAITS, STARVES)}
    assert checked == named
    assert (STARVES in model.properties) == ("ltl nobody_starves" in source(model))
    violated = {entry.violates for entry in ALL.mutants.values() if entry.setting.model == model}
    assert violated - {""} == set(model.properties)


def clause_numbers() -> set[str]:
    text = (DOCS / "contract.md").read_text(encoding="utf-8")
    return set(re.findall(r"^- \*\*([A-Z]\d+)\*\* ", text, re.M))


def test_every_clause_of_the_contract_is_accounted_for() -> None:
    numbers = clause_numbers()
    if not numbers:
        pytest.skip("docs/contract.md has no numbered clauses yet")
    used = {
        clause
        for entry in ALL.mutants.values()
        if entry.setting.model.name == "return"
        for clause in entry.clauses
    }
    text = (DOCS / "proof.md").read_text(encoding="utf-8")
    outside = set(re.findall(r"^\| ([A-Z]\d+) \|", text.split("<!-- table: outside -->")[1], re.M))
    assert used | outside == numbers
    assert not used & outside


def test_mutants_are_complete() -> None:
    for mutant in ALL.mutants.values():
        assert mutant.clauses, mutant.name
        assert mutant.switches, mutant.name
        assert bool(mutant.then) == bool(mutant.violates), mutant.name


def test_document_is_fresh() -> None:
    text = (DOCS / "proof.md").read_text(encoding="utf-8")
    for part in report.document(ALL).strip().split("\n\n"):
        assert part in text, "run `roundpen prove --document` and put the tables into docs/proof.md"

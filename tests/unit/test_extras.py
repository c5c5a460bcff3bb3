# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from roundpen import extras
from roundpen.cli import main as cli
from roundpen.errors import RefusedError

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "roundpen").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The first words of all that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_every_module_of_somebody_elses_is_known() -> None:
    used = set[str]().union(*map(imported, SOURCES)) - sys.stdlib_module_names - {"roundpen"}
    # By name only, where they are: root.py, library.py.
    assert used | {"libarchive", "libfdt"} == set(extras.MODULES)


def test_the_extras_are_those_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {
        extra: {re.split(r"[<>=]", one)[0] for one in lines}
        for extra, lines in project["optional-dependencies"].items()
    }
    base = {re.split(r"[<>=]", one)[0] for one in project["dependencies"]}
    for module, known in extras.MODULES.items():
        assert extras.brought_by(known) == [
            extra for extra, names in named.items() if known.distribution in names
        ], module
        assert extras.brought_by(known) or known.distribution in base
    assert {extra for wanted in extras.VERBS.values() for extra in wanted} <= set(named)
    assert set(extras.VERBS) <= set(cli.VERBS)


@pytest.mark.parametrize(
    ("module", "verb", "words"),
    [
        ("libfdt", "check", "pip install 'roundpen[check]', or install Debian's python3-libfdt"),
        ("libfdt", "demo", "pip install 'roundpen[lab]'"),
        ("scipy.sparse", "prove", "module scipy is not installed; pip install 'roundpen[prove]'"),
        ("libfdt", "inspect", "pip install 'roundpen[check]'"),
        ("lz4", "wrap", "pip install roundpen, or install Debian's python3-lz4"),
        ("roundpen.gone", "wrap", "has no Python module roundpen.gone; install roundpen again"),
    ],
)
def test_what_is_said_of_a_missing_module(module: str, verb: str, words: str) -> None:
    assert words in str(extras.missing(module, verb))


def test_what_takes_long_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "libfdt" else name)
    with pytest.raises(RefusedError, match=r"module libfdt is not .*\[lab,prove\].*-libfdt$"):
        extras.need("bench")
    extras.need("prove")

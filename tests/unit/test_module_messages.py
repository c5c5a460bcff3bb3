# SPDX-License-Identifier: BSD-2-Clause
"""Every refusal of the module has a row in docs/messages.md, and every row a refusal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MODULE = PROJECT / "module"
_CALL = re.compile(
    r'\b(?:roundpen_refused|refused_err|refuse|pr_err|pr_crit)\(\s*((?:"(?:[^"\\]|\\.)*"\s*|METHOD\s*)+)'
)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|METHOD')
_VALUE = re.compile(r"(?:0x)?%(?:ll|l|z)?[0-9]*(?:pOF|pR|pa|[udsxi])")


def said(text: str) -> set[str]:
    """The fixed words of the messages in a C file, a text each, in pieces between the values."""
    found = set()
    for call in _CALL.finditer(text):
        whole = "".join(
            "psci" if piece.group(0) == "METHOD" else piece.group(1)
            for piece in _STRING.finditer(call.group(1))
        )
        found.add(whole.replace('\\"', '"').removesuffix("\\n"))
    return found - {"refused: ", "Can't kexec: "}


def documented() -> str:
    text = (PROJECT / "docs/messages.md").read_text(encoding="utf-8")
    return text.partition("<!-- table: module -->")[2].partition("\n## ")[0]


def pattern(message: str) -> re.Pattern[str]:
    """A message as the page writes it: N, or a word in capitals, for each value."""
    pieces = [re.escape(piece) for piece in _VALUE.split(message)]
    return re.compile(r"[A-Z]+".join(pieces))


MESSAGES = sorted(
    {(path.name, one) for path in MODULE.glob("*.c") for one in said(path.read_text("utf-8"))}
)


@pytest.mark.parametrize(("name", "message"), MESSAGES)
def test_a_refusal_is_explained(name: str, message: str) -> None:
    assert pattern(message).search(documented()), f"module/{name}: {message!r}"


def test_they_are_found() -> None:
    assert len(MESSAGES) > 40
    assert ("main.c", "this kernel has one CPU only: kexec works as it is") in MESSAGES

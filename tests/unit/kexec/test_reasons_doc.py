# SPDX-License-Identifier: BSD-2-Clause
"""docs/messages.md names every reason that a plan can give, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from roundpen.kexec import reasons
from tests.unit.test_docs import DOCS, table

HOME = Path(reasons.__file__).parent
FILES = {"kernel", "initrd", "dtb", "tree"}
"""What inputs.py and plan.py call what they could not use."""


def given() -> set[str]:
    """The names in the calls that make a reason."""
    found: set[str] = set()
    for path in HOME.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'\b(?:caller|machine|caution)\(\s*f?"([^"]+)"', text))
    found.remove("{name}-unusable")
    found.remove("known-bad-{row.name}")
    return found | {f"{name}-unusable" for name in FILES} | {"known-bad-NAME"}


def test_every_reason_has_a_row() -> None:
    rows = table(DOCS / "messages.md", "reasons")
    named = [name for row in rows for name in re.findall(r"`([\w-]+)`", row[0])]
    assert len(named) == len(set(named))
    assert set(named) == given()

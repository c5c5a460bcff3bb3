# SPDX-License-Identifier: BSD-2-Clause
"""The commands of docs/use/kexec.md, as they stand there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.unit.test_docs import DOCS

WALK = DOCS / "use" / "kexec.md"
_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^\n]+) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)```\n", re.S
)


@dataclass(frozen=True)
class Block:
    """A block of commands. `not_run`: why no test types it; empty: one does."""

    line: int
    commands: tuple[str, ...]
    not_run: str


def blocks() -> list[Block]:
    """All blocks of commands, in their order."""
    text = WALK.read_text(encoding="utf-8")
    return [
        Block(
            line=text.count("\n", 0, found.start("text")),
            commands=tuple(found["text"].splitlines()),
            not_run=found["why"] or "",
        )
        for found in _BLOCK.finditer(text)
        if found["kind"] == "sh"
    ]


def commands() -> list[str]:
    """What is to be typed, a line each."""
    return [line for block in blocks() if not block.not_run for line in block.commands]

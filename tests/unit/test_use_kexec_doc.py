# SPDX-License-Identifier: BSD-2-Clause
"""docs/use/kexec.md: each block of commands is typed by a test, or says why not."""

from __future__ import annotations

import re

from tests.unit.test_citations import OWN
from tests.unit.test_docs import ROOT
from tests.unit.walk import WALK, blocks, commands


def test_no_block_is_left_out() -> None:
    text = WALK.read_text(encoding="utf-8")
    assert len(blocks()) == text.count("```sh\n")
    # A block of another kind would be typed by nobody.
    assert text.count("```") == 2 * len(blocks())


def test_what_is_not_run_has_a_reason() -> None:
    text = WALK.read_text(encoding="utf-8")
    left_out = [block for block in blocks() if block.not_run]
    assert len(left_out) == text.count("<!-- not run: ")
    assert len(left_out) <= 2
    for block in left_out:
        for name in re.findall(OWN, block.not_run):
            assert (ROOT / name).exists(), f"line {block.line}: {name}"


def test_each_line_is_one_command() -> None:
    for line in commands():
        assert line.strip() == line
        assert not line.endswith("\\"), line


def test_the_walk_is_whole() -> None:
    """From nothing to the second kernel and back."""
    typed = "\n".join(commands())
    for step in (
        "apt-get install",
        "--list",
        "--dry-run",
        "--load-only",
        "--last",
        "rmmod",
        "purge",
    ):
        assert step in typed
    assert len([line for line in commands() if line == 'roundpen kexec "$KERNEL"']) == 1

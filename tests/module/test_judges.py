# SPDX-License-Identifier: BSD-2-Clause
"""All of module/ under checkpatch --strict, sparse and the compiler with W=1. Starts no machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from roundpen.kernel import module, module_check

pytestmark = pytest.mark.timeout(1800)
KERNEL = "debian-6.1"
WRONG = """
#include <linux/io.h>
u64 wrong(void __iomem *word)
{
  int unused;

  return *(u64 *)word;
}
"""


def test_checkpatch_has_nothing_to_say() -> None:
    assert module_check.style() == []


def test_sparse_and_the_compiler_have_nothing_to_say() -> None:
    assert module_check.compiler(KERNEL) == []


def test_each_judge_objects_when_it_should(tmp_path: Path) -> None:
    folder = tmp_path / "module"
    shutil.copytree(module.SOURCE, folder, ignore=shutil.ignore_patterns("made"))
    file = folder / "level.c"
    file.write_text(file.read_text(encoding="utf-8") + WRONG, encoding="utf-8")
    assert any("no spaces at the start of a line" in said for said in module_check.style(folder))
    said = "\n".join(module_check.compiler(KERNEL, folder))
    assert "cast removes address space" in said, "sparse"
    assert "no previous prototype" in said, "W=1"
    assert "unused variable" in said, "the compiler"

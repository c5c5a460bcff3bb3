# SPDX-License-Identifier: BSD-2-Clause
"""Reading what sparse and the compiler say of the late pen's module."""

from __future__ import annotations

from pathlib import Path

from roundpen.kernel import module_check

OUTPUT = """\
  CC [M]  /tmp/m/level.o
/tmp/m/level.c:12:9: warning: cast removes address space '__iomem' of expression
/tmp/m/level.c:12:9: warning: cast removes address space '__iomem' of expression
/tmp/m/made/fdt.c:3:5: warning: libfdt's own
  CHECK   /tmp/m/psci.c
/tmp/m/psci.c:4: error: no colon and column
make[1]: *** [Makefile:8: modules] Error 2
"""


def test_each_objection_to_our_files_once() -> None:
    assert module_check.parse(OUTPUT, Path("/tmp/m"), 2) == [
        "level.c:12:9: warning: cast removes address space '__iomem' of expression",
        "psci.c:4: error: no colon and column",
    ]


def test_a_build_without_a_word_is_no_failure() -> None:
    assert module_check.parse("  CC [M]  /tmp/m/level.o\n", Path("/tmp/m"), 0) == []


def test_a_build_that_broke_is_no_pass() -> None:
    assert module_check.parse("make: *** no rule\n", Path("/tmp/m"), 2) == [
        "make: exit status 2: make: *** no rule"
    ]

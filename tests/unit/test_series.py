# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen kernel patch`: what it says of trees that the series does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from roundpen.errors import UserError
from roundpen.kernel import series


def tree(folder: Path, patchlevel: int = 1) -> Path:
    """As much of a kernel tree as tells its version."""
    (folder / "arch/arm64").mkdir(parents=True)
    (folder / "Makefile").write_text(f"VERSION = 6\nPATCHLEVEL = {patchlevel}\nSUBLEVEL = 7\n")
    return folder


def test_the_series_are_complete_and_numbered() -> None:
    known = series.lines()
    assert list(known) == ["6.12", "6.1"]
    names = [[one.name for one in found.patches] for found in known.values()]
    assert names[0] == names[1]
    for one in (one for found in known.values() for one in found.patches):
        text = one.read_text()
        assert "\nSubject: [PATCH" in text
        assert "\nSigned-off-by: " in text


def test_version(tmp_path: Path) -> None:
    assert series.version(tree(tmp_path)) == "6.1.7"


@pytest.mark.parametrize("patchlevel", [1, 6])
def test_a_tree_that_it_does_not_fit_names_the_patch(tmp_path: Path, patchlevel: int) -> None:
    made = tree(tmp_path, patchlevel)
    before = sorted(made.rglob("*"))
    with pytest.raises(UserError, match="0001-dt-bindings"):
        series.patch(made)
    assert sorted(made.rglob("*")) == before


def test_no_tree(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no Linux source tree"):
        series.patch(tmp_path)

# SPDX-License-Identifier: BSD-2-Clause
"""The tree that stays in place while the series changes: what is written, and what is not."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from roundpen.errors import MachineError
from roundpen.kernel import worktree
from roundpen.kernel.series import Series

PRISTINE = {"a.c": "one\ntwo\n", "sub/b.c": "bee\n", "c.h": "sea\n"}


@pytest.fixture
def pristine(tmp_path: Path) -> Path:
    folder = tmp_path / "pristine"
    for name, text in PRISTINE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def patch(folder: Path, name: str, file: str, before: str, after: str) -> Path:
    """A patch of one file; an empty text stands for no file."""
    lines = difflib.unified_diff(
        before.splitlines(True),
        after.splitlines(True),
        f"a/{file}" if before else "/dev/null",
        f"b/{file}" if after else "/dev/null",
    )
    path = folder / name
    path.write_text(f"Subject: [PATCH] {name}\n\n" + "".join(lines))
    return path


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_series_comes_changes_and_goes(pristine: Path, tmp_path: Path) -> None:
    tree, record = tmp_path / "tree", tmp_path / "record"
    worktree.link_tree(pristine, tree)
    first = Series("6.1", (
        patch(tmp_path, "1", "a.c", PRISTINE["a.c"], "one\n2\n"),
        patch(tmp_path, "2", "new/n.c", "", "new\n"),
        patch(tmp_path, "3", "c.h", PRISTINE["c.h"], ""),
    ))  # fmt: skip
    worktree.replace_files(pristine, tree, first, record)
    assert content(tree) == {"a.c": "one\n2\n", "sub/b.c": "bee\n", "new/n.c": "new\n"}

    kept = (tree / "a.c").stat()
    second = Series("6.1", (first.patches[0], patch(tmp_path, "4", "sub/b.c", "bee\n", "bea\n")))
    worktree.replace_files(pristine, tree, second, record)
    assert content(tree) == {"a.c": "one\n2\n", "sub/b.c": "bea\n", "c.h": "sea\n"}
    # What did not change keeps its time, or make would compile it again.
    assert (tree / "a.c").stat() == kept

    worktree.replace_files(pristine, tree, Series("6.1", ()), record)
    assert content(tree) == PRISTINE
    assert content(pristine) == PRISTINE


def test_a_death_half_way_is_mended(pristine: Path, tmp_path: Path) -> None:
    tree, record = tmp_path / "tree", tmp_path / "record"
    worktree.link_tree(pristine, tree)
    wrong = patch(tmp_path, "1", "a.c", "not there\n", "at all\n")
    record.write_text("sub/b.c")
    (tree / "sub/b.c").unlink()
    (tree / "sub/b.c").write_text("of an earlier series")
    with pytest.raises(MachineError, match=r"1: a\.c: hunk 1 at line 1"):
        worktree.replace_files(pristine, tree, Series("6.1", (wrong,)), record)
    assert record.read_text().split() == ["a.c", "sub/b.c"]
    worktree.replace_files(pristine, tree, Series("6.1", ()), record)
    assert content(tree) == PRISTINE

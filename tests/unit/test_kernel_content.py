# SPDX-License-Identifier: BSD-2-Clause
"""The key of a source tree: what changes it, and what is not read again for it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from roundpen.errors import UserError
from roundpen.kernel import content, own


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three files and a link, all old enough for their times to be trusted."""
    folder = tmp_path / "tree"
    for name in ("Makefile", "a/x.c", "a/y.c"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}\n")
    (folder / "link").symlink_to("a/x.c")
    return folder


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all files were old when they are first read: nobody can set a file's ctime."""
    monkeypatch.setattr(content, "_SETTLED", 0)


def test_an_unchanged_tree_is_not_read_again(tree: Path, tmp_path: Path, settled: None) -> None:
    first = content.scan(tree, tmp_path / "index")
    second = content.scan(tree, tmp_path / "index")
    assert (first.read, second.read) == (4, 0)
    assert first.digest() == second.digest()


def test_a_young_file_is_read_again(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "_SETTLED", 10**18)
    content.scan(tree, tmp_path / "index")
    assert content.scan(tree, tmp_path / "index").read == 4


def test_what_changes_the_key(tree: Path, tmp_path: Path, settled: None) -> None:
    index = tmp_path / "index"
    seen = {content.scan(tree, index).digest()}

    def changes() -> bool:
        now = content.scan(tree, index).digest()
        assert now == content.scan(tree, tmp_path / "no-index" / str(len(seen))).digest()
        fresh = now not in seen
        seen.add(now)
        return fresh

    (tree / "a/x.c").write_text("X/x.c\n")
    assert changes()
    (tree / "a/x.c").chmod(0o755)
    assert changes()
    (tree / "a/new.c").write_text("")
    assert changes()
    (tree / "a/y.c").rename(tree / "a/z.c")
    assert changes()
    (tree / "link").unlink()
    (tree / "link").symlink_to("a/z.c")
    assert changes()
    (tree / "a/z.c").unlink()
    assert changes()
    os.utime(tree / "Makefile", (1, 1))
    assert not changes()
    (tree / ".git").mkdir()
    (tree / ".git/HEAD").write_text("x")
    assert not changes()


def test_a_change_that_keeps_size_and_time_is_seen(
    tree: Path, tmp_path: Path, settled: None
) -> None:
    before = content.scan(tree, tmp_path / "index")
    stamp = (tree / "a/x.c").stat()
    # Past the clock's tick, which is what ctime counts in.
    time.sleep(0.02)
    (tree / "a/x.c").write_text("b/x.c\n")
    os.utime(tree / "a/x.c", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    after = content.scan(tree, tmp_path / "index")
    assert after.read == 1
    assert after.digest() != before.digest()


@pytest.mark.parametrize("text", ["", "[]", '{"version": 0, "files": {}}', "\xff"])
def test_an_index_that_is_not_understood_is_made_again(
    tree: Path, tmp_path: Path, settled: None, text: str
) -> None:
    (tmp_path / "index").write_text(text, encoding="latin-1")
    assert content.scan(tree, tmp_path / "index").read == 4
    assert content.scan(tree, tmp_path / "index").read == 0


def test_something_that_is_no_file(tree: Path, tmp_path: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(UserError, match="pipe: is neither a file nor a link"):
        content.scan(tree, tmp_path / "index")


def test_what_make_would_not_notice(tree: Path, tmp_path: Path) -> None:
    before = {path: known[5] for path, known in content.scan(tree, tmp_path / "i").files.items()}
    (tree / "a/x.c").write_text("changed")
    (tree / "a/y.c").write_text("changed")
    ended = time.time_ns() - 10**9
    os.utime(tree / "a/x.c", ns=(ended - 1, ended - 1))
    now = content.scan(tree, tmp_path / "i")
    assert own.overtaken(before, ended, now) == ["a/x.c"]
    # After a build that was killed, all that changed is doubtful.
    assert sorted(own.overtaken(before, None, now)) == ["a/x.c", "a/y.c"]
    assert own.overtaken({path: known[5] for path, known in now.files.items()}, None, now) == []

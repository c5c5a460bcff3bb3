# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen import cache
from roundpen.errors import MachineError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROUNDPEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache.root() == tmp_path / "cache"
    monkeypatch.delenv("ROUNDPEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache.root() == Path("/xdg/roundpen")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.root() == Path.home() / ".cache" / "roundpen"


def test_made_once_then_found() -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "x").write_text("content")

    first = cache.entry("kind", "key", make)
    assert cache.entry("kind", "key", make) == first
    assert (first / "x").read_text() == "content"
    assert len(made) == 1


def test_nothing_is_published_when_making_fails(own_cache: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise MachineError("network")

    with pytest.raises(MachineError, match="network"):
        cache.entry("kind", "key", make)
    assert cache.lookup("kind", "key") is None
    assert [path.name for path in (own_cache / "kind").iterdir()] == [".key.lock"]


def test_what_a_killed_process_left_is_removed(own_cache: Path) -> None:
    stale = own_cache / "kind" / ".key.making-dead"
    stale.mkdir(parents=True)
    cache.entry("kind", "key", lambda _: None)
    assert not stale.exists()


def test_two_processes_make_one_entry(own_cache: Path, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time; from roundpen import cache\n"
        "def make(f):\n"
        "    log = pathlib.Path(sys.argv[1]).open('a'); log.write('made\\n'); log.close()\n"
        "    time.sleep(0.5)\n"
        "print(cache.entry('kind', 'key', make))"
    )
    log = tmp_path / "log"
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(log)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert {process.communicate()[0].strip() for process in both} == {str(own_cache / "kind/key")}
    assert log.read_text() == "made\n"


def test_a_cache_that_cannot_be_written(own_cache: Path) -> None:
    own_cache.write_text("a file where the folder should be")
    with pytest.raises(MachineError, match="ROUNDPEN_CACHE"):
        cache.entry("kind", "key", lambda _: None)


@given(st.lists(st.binary()), st.lists(st.binary()))
def test_the_key_tells_parts_apart(left: list[bytes], right: list[bytes]) -> None:
    assert (cache.digest(*left) == cache.digest(*right)) == (left == right)


def test_file_digest(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert cache.file_digest(tmp_path / "x").startswith("ba7816bf")
    with pytest.raises(MachineError, match="cannot be read"):
        cache.file_digest(tmp_path / "missing")

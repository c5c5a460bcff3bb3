# SPDX-License-Identifier: BSD-2-Clause
"""Trees that aren't Debian's: of a line without a series, and built from time to time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from roundpen.errors import MachineError, UserError
from roundpen.kernel import own, series, source

WANTED = {"lab.config": "CONFIG_A=y\n"}
MAKEFILE = """\
VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 7
here := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))
image := $(O)/arch/arm64/boot/Image
outputmakefile: ; ln -sfn $(here) $(O)/source
Image: $(image)
modules: ; @:
$(O)/%.o: $(here)%.c ; echo CC $<; cp $< $@
$(image): $(O)/a.o $(O)/b.o; mkdir -p $(dir $@); cat $^ >$@
"""
"""As much of Linux's build as compares times: what is tested is when it is run, and where."""


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of Linux 6.12 that the series touches, in a tree that says 6.99."""
    pristine = source.trimmed(source.deb("6.12"))
    tree = tmp_path_factory.mktemp("linux")
    touched = {path for one in series.lines()["6.12"].patches for path in series.touched(one)}
    for path in touched:
        if (pristine / path).is_file():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(pristine / path, tree / path)
    (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 99\nSUBLEVEL = 0\n")
    return tree


def test_an_unknown_line_gets_the_newest_series_that_fits(unknown: Path, tmp_path: Path) -> None:
    tree = Path(shutil.copytree(unknown, tmp_path / "linux"))
    done = series.patch(tree)
    assert (done.version, done.line) == ("6.99.0", "6.12")
    assert "cpu-return-addr" in (tree / "arch/arm64/kernel/smp_spin_table.c").read_text()


def test_an_unknown_line_that_nothing_fits_names_the_hunk(unknown: Path, tmp_path: Path) -> None:
    tree = Path(shutil.copytree(unknown, tmp_path / "linux"))
    file = tree / "drivers/irqchip/irq-gic.c"
    file.write_text(file.read_text().replace("GIC_CPU_CTRL", "GIC_CPU_CONTROL"))
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    where = r"6\.12: 0005-[\w-]+: drivers/irqchip/irq-gic\.c: hunk 1 at line \d+; series 6\.1: 0"
    with pytest.raises(UserError, match=where):
        series.patch(tree)
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROUNDPEN_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "linux"
    (folder / "arch/arm64").mkdir(parents=True)
    (folder / "scripts/kconfig").mkdir(parents=True)
    merge = folder / "scripts/kconfig/merge_config.sh"
    merge.write_text("#!/bin/sh\nshift\ncat $* >.config\ntouch .tmp.config.x\n")
    merge.chmod(0o755)
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "a.c").write_text("a\n")
    (folder / "b.c").write_text("b\n")
    return folder


def compiled(built: own.Built) -> list[str]:
    """The files that the build of this Image compiled."""
    log = (built.image.parent / "build.log").read_text()
    return sorted(line.rpartition("/")[2] for line in log.splitlines() if line.startswith("CC "))


def test_a_tree_is_built_once_per_content_and_never_written_to(tree: Path) -> None:
    files = sorted(tree.rglob("*"))
    first = own.build(tree, WANTED)
    assert (first.version, first.image.read_text()) == ("6.1.7", "a\nb\n")
    again = own.build(tree, WANTED)
    assert (again.image, again.from_cache, first.from_cache) == (first.image, True, False)
    other = own.build(tree, {"lab.config": "CONFIG_A=n\n"})
    assert other.image != first.image
    assert sorted(tree.rglob("*")) == files


def test_a_change_costs_what_make_finds_changed(tree: Path) -> None:
    assert compiled(own.build(tree, WANTED)) == ["a.c", "b.c"]
    (tree / "b.c").write_text("B\n")
    built = own.build(tree, WANTED)
    assert (compiled(built), built.image.read_text()) == (["b.c"], "a\nB\n")


def test_a_change_that_make_would_miss_costs_everything(tree: Path) -> None:
    own.build(tree, WANTED)
    (tree / "b.c").write_text("older\n")
    os.utime(tree / "b.c", (1, 1))
    built = own.build(tree, WANTED)
    assert (compiled(built), built.image.read_text()) == (["a.c", "b.c"], "a\nolder\n")


def test_a_build_that_fails_is_not_kept(tree: Path) -> None:
    (tree / "b.c").rename(tree / "c.c")
    with pytest.raises(MachineError, match=r"kernel 6\.1\.7: make .* failed: .*No rule .*b\.o"):
        own.build(tree, WANTED)
    (tree / "c.c").rename(tree / "b.c")
    assert own.build(tree, WANTED).image.read_text() == "a\nb\n"


def test_a_tree_that_changes_meanwhile(tree: Path) -> None:
    text = MAKEFILE.replace("echo CC $<", "echo >>$(here)a.c; echo CC $<")
    (tree / "Makefile").write_text(text)
    with pytest.raises(UserError, match="changed while it was built; build it again"):
        own.build(tree, WANTED)

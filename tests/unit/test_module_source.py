# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen module FOLDER`, from a checkout; tests/install has it from a wheel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from roundpen.cli import main as cli
from roundpen.errors import UserError
from roundpen.kexec import source
from tests.unit.test_docs import ROOT


@pytest.mark.parametrize(
    ("name", "is_source"),
    [
        ("main.c", True),
        ("leave.S", True),
        ("Kbuild", True),
        ("dkms.conf", True),
        ("main.o", False),
        ("roundpen.mod.c", False),
        ("roundpen.ko", False),
        ("README.md", False),
    ],
)
def test_what_a_build_leaves_is_no_source(name: str, is_source: bool) -> None:
    assert source.is_source(Path(name)) == is_source


def test_it_writes_all_that_make_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "module"
    assert cli.main(["module", str(folder)]) == 0
    assert f"make -C {folder} KDIR=/lib/modules/$(uname -r)/build" in capsys.readouterr().out
    # All that git has, in its place: include/ was missed once, and DKMS found it.
    listed = subprocess.run(
        ["git", "-C", str(ROOT / "module"), "ls-files"], capture_output=True, text=True, check=True
    ).stdout.split()
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    own = {name for name in written if not name.startswith(f"{source.MADE}/")}
    assert own == set(listed) - {"README.md"}
    made = {path.name for path in (folder / source.MADE).iterdir()}
    assert {"resident.bin", "contract.h", "libfdt.h", "fdt_rw.c"} <= made
    assert [path.name for path in tmp_path.iterdir()] == ["module"]


def test_it_overwrites_nothing(tmp_path: Path) -> None:
    taken = tmp_path / "module"
    taken.mkdir()
    with pytest.raises(UserError, match="is there already; nothing was written"):
        source.write(taken)
    taken.rmdir()
    taken.symlink_to("nowhere")
    with pytest.raises(UserError, match="is there already"):
        source.write(taken)
    with pytest.raises(UserError, match="is no folder"):
        source.write(tmp_path / "nowhere" / "module")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["module"]

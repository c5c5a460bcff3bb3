# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own tree of each board with a spin-table, merged with a running one that has the pen.

The running tree is the same file with what firmware and the module put in, moved into a pen; dtc
reads the result.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from roundpen.check.board import Range
from roundpen.check.survey import survey
from roundpen.contract import layout
from roundpen.devicetree import Outline, Tree
from roundpen.kernel import debian
from roundpen.kexec.merge import merge
from tests.boards.test_debian import SPIN_TABLE

BASE = 0xD6C0000
RETURN = BASE + layout.RESIDENT_RETURN


def running(given: bytes) -> bytes:
    tree = Tree(given)
    board = survey(Outline(given))
    if not tree.has("/reserved-memory"):
        tree.add_node("/reserved-memory")
        for name in ("#address-cells", "#size-cells"):
            tree.set("/reserved-memory", name, tree.get("/", name) or b"")
        tree.set("/reserved-memory", "ranges", b"")
    pen = f"/reserved-memory/roundpen@{BASE:x}"
    tree.add_node(pen)
    cells = [tree.cells("/", name)[0] for name in ("#address-cells", "#size-cells")]
    values = (BASE, layout.RESERVED_SIZE)
    reg = b"".join(value.to_bytes(4 * n, "big") for value, n in zip(values, cells, strict=True))
    tree.set(pen, "reg", reg)
    tree.set(pen, "no-map", b"")
    tree.set_text(pen, "compatible", layout.COMPATIBLE)
    for number, cpu in enumerate(board.cpus):
        tree.set_text(cpu.path, "enable-method", "spin-table")
        tree.set_u64(cpu.path, "cpu-release-addr", BASE + 0x1800 + 256 * number)
        tree.set_u64(cpu.path, "cpu-return-addr", RETURN)
    tree.set_text("/", "serial-number", "10000000abcdef")
    return tree.to_bytes()


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
@pytest.mark.parametrize("name", sorted(SPIN_TABLE))
def test_the_pen_survives_in_the_boards_own_tree(name: str, tmp_path: Path) -> None:
    trees = debian.kernel("debian-6.1").trees()
    given = next(path for path in trees if str(path).endswith(f"{name}.dtb")).read_bytes()
    merged, done = merge(given, running(given), name)
    board = survey(Outline(merged))
    assert board.kept(Range(BASE, BASE + layout.RESERVED_SIZE), no_map=True)
    assert [cpu.word for cpu in board.cpus] == [
        BASE + 0x1800 + 256 * number for number in range(len(board.cpus))
    ]
    assert {cpu.entry for cpu in board.cpus} == {RETURN}
    assert "serial-number" in done
    # Nothing else is lost or changed.
    before, after = Tree(given), Tree(merged)
    for path in before.walk():
        if not path.startswith("/cpus"):
            assert before.properties(path).items() <= after.properties(path).items()
    (tmp_path / "merged.dtb").write_bytes(merged)
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts", "-o", "/dev/null", "merged.dtb"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=30)

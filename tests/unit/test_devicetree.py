# SPDX-License-Identifier: BSD-2-Clause
"""The tree editor, checked against dtc."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundpen.devicetree import Reservation, Tree
from roundpen.errors import UserError

SOURCE = """/dts-v1/;
/memreserve/ 0x1000 0x2000;
/ {
	#address-cells = <2>;
	model = "a board";
	cpus { cpu@0 { reg = <0>; }; cpu@100 { reg = <0x100>; }; };
	chosen { };
};
"""

pytestmark = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


def compiled(source: str = SOURCE) -> bytes:
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb"]
    return subprocess.run(command, input=source.encode(), check=True, capture_output=True).stdout


def decompiled(data: bytes, folder: Path) -> str:
    path = folder / "out.dtb"
    path.write_bytes(data)
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_reading() -> None:
    tree = Tree(compiled())
    assert list(tree.walk()) == ["/", "/cpus", "/cpus/cpu@0", "/cpus/cpu@100", "/chosen"]
    assert tree.children("/cpus") == ["/cpus/cpu@0", "/cpus/cpu@100"]
    assert tree.children("/chosen") == []
    assert tree.text("/", "model") == "a board"
    assert tree.cells("/cpus/cpu@100", "reg") == [0x100]
    assert tree.get("/", "missing") is None
    assert tree.properties("/cpus/cpu@0") == {"reg": bytes(4)}
    assert tree.reservations() == [Reservation(0x1000, 0x2000)]


def test_edits_are_what_dtc_reads(tmp_path: Path) -> None:
    tree = Tree(compiled())
    tree.set_text("/chosen", "bootargs", "quiet")
    tree.set_u64("/cpus/cpu@0", "cpu-release-addr", 0x1_0000_00D8)
    tree.add_node("/psci")
    tree.remove_node("/cpus/cpu@100")
    tree.remove_property("/", "model")
    tree.reserve(0x4000_0000, 0x1_0000_0000)
    text = decompiled(tree.to_bytes(), tmp_path)
    assert 'bootargs = "quiet";' in text
    assert "cpu-release-addr = <0x01 0xd8>;" in text
    assert "psci {" in text
    assert "cpu@100" not in text
    assert "model" not in text
    assert "/memreserve/\t0x0000000000001000 0x0000000000002000;" in text
    assert "/memreserve/\t0x0000000040000000 0x0000000100000000;" in text


def test_the_tree_grows_as_needed() -> None:
    tree = Tree(compiled())
    for number in range(300):
        tree.add_node(f"/n@{number:x}")
        tree.set(f"/n@{number:x}", "blob", bytes(400))
    tree.reserve(0, 0x1000)
    again = Tree(tree.to_bytes())
    assert len(again.children("/")) == 302
    assert len(again.get("/n@12b", "blob") or b"") == 400


def test_removing_what_is_not_there_is_no_mistake() -> None:
    tree = Tree(compiled())
    tree.remove_node("/nothing/here")
    tree.remove_property("/", "nothing")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 bytes; a DTB header alone has 40"),
        (bytes(100), "starts with 0x00000000; a DTB with 0xd00dfeed"),
        (compiled()[:-8] if shutil.which("dtc") else b"", "truncated"),
    ],
)
def test_what_is_no_tree(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Tree(data, "board.dtb")


def test_missing_node_is_named() -> None:
    tree = Tree(compiled(), "board.dtb")
    with pytest.raises(UserError, match=r"board\.dtb: /gone: there is no such node"):
        tree.set("/gone", "x", b"")


def test_ragged_cells_are_named() -> None:
    tree = Tree(compiled(), "board.dtb")
    tree.set("/chosen", "odd", b"12345")
    with pytest.raises(UserError, match="odd has 5 bytes"):
        tree.cells("/chosen", "odd")


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_trees_are_refused_or_read(data: st.DataObject) -> None:
    """Never anything but UserError, whatever bytes are where."""
    raw = bytearray(compiled_once)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    try:
        tree = Tree(bytes(raw))
        for path in tree.walk():
            tree.properties(path)
        tree.to_bytes()
    except UserError:
        pass


compiled_once = compiled() if shutil.which("dtc") else b""

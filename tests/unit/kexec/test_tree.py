# SPDX-License-Identifier: BSD-2-Clause
"""The next kernel's tree: the running one, or a given one that keeps what firmware and pen said."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen.contract import layout
from roundpen.devicetree import Tree
from roundpen.errors import UserError
from roundpen.kexec.merge import merge
from roundpen.kexec.system import System, read
from roundpen.kexec.tree import RNG_SEED, RUNNING, WITH_PEN, final_size, next_tree, seeded
from roundpen.kexec.wanted import SystemCall
from tests.unit.check_boards import Nodes, Sample, changed, reserved, spin, u64
from tests.unit.kexec import systems
from tests.unit.kexec_root import put

LOAD, FILE_LOAD = SystemCall.LOAD, SystemCall.FILE_LOAD
BASE = 0x48000000
MAC = b"\xdc\xa6\x32\1\2\3"


def with_pen(sample: Sample, base: int = BASE) -> Sample:
    """What the module's tree has beyond the running one (the layout of tests/unit/kexec_root)."""
    node = {"compatible": layout.COMPATIBLE, "reg": [0, base, 0, 0x10000], "no-map": None}
    sample = changed(sample, "/", **{"reserved-memory": reserved(**{f"roundpen@{base:x}": node})})
    for number in range(4):
        sample = changed(
            sample,
            f"cpus/cpu@{number}",
            enable_method="spin-table",
            cpu_release_addr=u64(base + 0x1800 + 0x100 * number),
            cpu_return_addr=u64(base + 0x100),
        )
    return changed(sample, "chosen", **{"roundpen,offer": "return"})


def firmwares() -> Sample:
    """The running tree: what a file has, and what firmware put in."""
    sample = with_pen(spin())
    chosen: Nodes = {
        "bootargs": "old",
        "stdout-path": "serial0:115200n8",
        "kaslr-seed": u64(0),
        "linux,initrd-start": 0x9000,
        "linux,uefi-system-table": u64(0x7000),
        "bootloader": {"build-timestamp": 7, "phandle": 9},
    }
    sample = changed(sample, "chosen", **chosen)
    sample = changed(
        sample,
        "/",
        **{
            "serial-number": "10000000abcdef",
            "model": "A board for tests Rev 1.4",
            "aliases": {"ethernet0": "/nic@1", "serial0": "/uart@1"},
            "nic@1": {"local-mac-address": MAC},
            "framebuffer@3c000000": {
                "compatible": "simple-framebuffer",
                "reg": [0, 0x3C000000, 0, 0x800000],
                "width": 1920,
            },
            "system": {"linux,revision": 0xA02082},
        },
    )
    return Sample(sample.nodes, ((0, 0x1000), (0x9000, 0x800)))


def files() -> Sample:
    """A file's tree of the same board: other cells for nothing, another path for the port."""
    sample = changed(
        spin(),
        "/",
        **{
            "aliases": {"ethernet0": "/bus@0/nic@5"},
            "bus@0": {"nic@5": {"compatible": "a,nic"}},
            "memory@0": {"device_type": "memory", "reg": [0, 0, 0, 0]},
        },
    )
    return changed(sample, "chosen", **{"stdout-path": "serial1"})


def test_what_firmware_said_survives() -> None:
    merged, done = merge(files().dtb(), firmwares().dtb(), "b.dtb")
    tree = Tree(merged)
    assert tree.get("/bus@0/nic@5", "local-mac-address") == MAC
    assert tree.text("/", "serial-number") == "10000000abcdef"
    assert tree.text("/", "model") == "A board for tests Rev 1.4"
    assert not tree.has("/memory@0")
    assert tree.get("/memory@40000000", "reg") == Tree(firmwares().dtb()).get(
        "/memory@40000000", "reg"
    )
    assert tree.cells("/framebuffer@3c000000", "width") == [1920]
    assert tree.cells("/system", "linux,revision") == [0xA02082]
    assert tree.text("/chosen", "stdout-path") == "serial1"
    assert tree.get("/chosen", "linux,uefi-system-table") == u64(0x7000)
    assert tree.get("/chosen", "bootargs") is None
    assert tree.get("/chosen", "linux,initrd-start") is None
    assert tree.properties("/chosen/bootloader").keys() == {"build-timestamp"}
    assert (0, 0x1000) in tree.reservations()
    assert 0x9000 not in [entry.address for entry in tree.reservations()]
    assert "memory" in done
    assert "serial-number" in done


def test_the_pen_survives() -> None:
    tree = Tree(merge(files().dtb(), firmwares().dtb(), "b.dtb")[0])
    assert tree.has(f"/reserved-memory/roundpen@{BASE:x}")
    assert tree.get(f"/reserved-memory/roundpen@{BASE:x}", "no-map") == b""
    for number in range(4):
        word = BASE + 0x1800 + 0x100 * number
        assert tree.get(f"/cpus/cpu@{number}", "cpu-release-addr") == u64(word)
        assert tree.get(f"/cpus/cpu@{number}", "cpu-return-addr") == u64(BASE + 0x100)
    assert tree.text("/chosen", "roundpen,offer") == "return"


def test_merged_twice_is_merged_once() -> None:
    once = merge(files().dtb(), firmwares().dtb(), "b.dtb")[0]
    again, done = merge(once, firmwares().dtb(), "b.dtb")
    assert Tree(again).to_bytes() == Tree(once).to_bytes()
    assert [line for line in done if "CPU" in line] == []


def small_cells(sample: Sample) -> Sample:
    """The same with one cell for addresses and sizes of memory."""
    sample = changed(sample, "/", **{"#address-cells": 1, "#size-cells": 1})
    return changed(sample, "memory@40000000", reg=[0x40000000, 0x1000])


def test_cells_are_those_of_the_given_tree() -> None:
    tree = Tree(merge(small_cells(spin()).dtb(), firmwares().dtb(), "b.dtb")[0])
    assert tree.cells(f"/reserved-memory/roundpen@{BASE:x}", "reg") == [BASE, 0x10000]
    assert tree.cells("/reserved-memory", "#address-cells") == [1]
    assert len(tree.cells("/memory@40000000", "reg")) == 2


def test_memory_that_the_given_tree_has_no_cells_for() -> None:
    high = changed(firmwares(), "memory@40000000", reg=[1, 0, 0, 0x40000000])
    with pytest.raises(UserError, match="no room for the memory at 0x100000000"):
        merge(small_cells(spin()).dtb(), high.dtb(), "b.dtb")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (changed(spin(), "/", compatible=["other,board"]), "a tree of other,board, this is"),
        (changed(spin(), "/", compatible=...), "no compatible"),
        (spin(2), "has 2 CPUs, the running system 4"),
        (changed(spin(), "cpus/cpu@2", reg=9), "their ids differ"),
        (changed(spin(), "cpus/cpu@2", reg=1), "has 3 CPUs"),
        (Sample({}), "no compatible"),
    ],
)
def test_a_tree_of_another_board(given: Sample, said: str) -> None:
    with pytest.raises(UserError, match=said):
        merge(given.dtb(), firmwares().dtb(), "b.dtb")


@given(st.integers(0, 4000), st.binary(max_size=8))
def test_a_damaged_tree_is_refused_or_merged(at: int, junk: bytes) -> None:
    data = bytearray(files().dtb())
    data[at : at + len(junk)] = junk
    try:
        merge(bytes(data), firmwares().dtb(), "b.dtb")
    except UserError as error:
        assert "b.dtb" in error.message or "running" in error.message


# --- which tree ----------------------------------------------------------------------------


@pytest.fixture
def system(tmp_path: Path) -> System:
    root = systems.with_pen(systems.system(tmp_path, spin()), base=BASE)
    put(root, "sys/kernel/roundpen/fdt", with_pen(spin()).dtb())
    return read(root)


def test_the_modules_tree_with_fresh_seeds(system: System) -> None:
    found = next_tree(system, LOAD, True, None)
    assert (found.source, found.own_file, found.wrong) == (WITH_PEN, True, "")
    assert found.data is not None
    tree = Tree(found.data)
    assert tree.get("/chosen", "kaslr-seed") == bytes(8)
    assert tree.get("/chosen", "rng-seed") is None
    seed = bytes(range(RNG_SEED))
    assert Tree(seeded(found.data, seed)).get("/chosen", "rng-seed") == seed
    assert final_size(found.data, "x" * 100) > len(found.data) + 100


def test_before_the_module_is_loaded_it_is_not_known(tmp_path: Path) -> None:
    system = read(systems.system(tmp_path))
    found = next_tree(system, LOAD, True, None)
    assert (found.data, found.own_file) == (None, True)
    assert "when the module is loaded" in found.source
    assert next_tree(system, LOAD, False, None).source == RUNNING


def test_an_adopted_pen_is_in_the_running_tree(tmp_path: Path) -> None:
    root = systems.with_pen(systems.system(tmp_path, with_pen(spin())), "adopted", BASE)
    found = next_tree(read(root), LOAD, True, None)
    assert (found.source, found.wrong) == (RUNNING, "")


def test_a_tree_without_the_pen_is_wrong(tmp_path: Path) -> None:
    root = systems.with_pen(systems.system(tmp_path, spin()), "adopted", BASE)
    assert "not reserved" in next_tree(read(root), LOAD, True, None).wrong
    moved = changed(with_pen(spin()), "cpus/cpu@2", cpu_release_addr=u64(0x1000))
    put(root, "sys/firmware/fdt", moved.dtb())
    assert "CPU 0x2 does not have" in next_tree(read(root), LOAD, True, None).wrong


def test_the_kernel_makes_its_own(system: System) -> None:
    found = next_tree(system, FILE_LOAD, True, None)
    assert (found.own_file, found.edits) == (False, ("the module puts the pen in",))
    with pytest.raises(UserError, match="takes no device tree"):
        next_tree(system, FILE_LOAD, True, ("b.dtb", spin().dtb()))


def test_a_given_tree_is_merged_with_the_modules(system: System) -> None:
    found = next_tree(system, LOAD, True, ("b.dtb", files().dtb()))
    assert found.source == f"b.dtb, with what {WITH_PEN} says of this board"
    assert found.wrong == ""
    assert "each CPU's enable-method, release and return address" in found.edits


def test_a_given_file_that_is_no_tree(system: System) -> None:
    with pytest.raises(UserError, match=r"b\.dtb"):
        next_tree(system, LOAD, True, ("b.dtb", b"no tree"))


def test_what_another_start_left_is_taken_out(tmp_path: Path) -> None:
    """A capture kernel's own tree."""
    board = changed(spin(), "chosen", **{"linux,usable-memory-range": u64(0) + u64(1)})
    found = next_tree(read(systems.system(tmp_path, board)), LOAD, False, None)
    assert "/chosen: without linux,usable-memory-range" in found.edits

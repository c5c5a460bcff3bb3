# SPDX-License-Identifier: BSD-2-Clause
"""The running system, read from folders: whole ones, bare ones, hostile ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen.check.board import Range
from roundpen.kexec.iomem import Iomem, parse
from roundpen.kexec.system import Memory, System, Watchdog, read
from tests.unit.kexec import systems
from tests.unit.kexec_root import put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return systems.system(tmp_path)


def test_all_that_it_says(root: Path) -> None:
    put(root, "sys/class/watchdog/watchdog0/state", "active\n")
    put(root, "sys/class/watchdog/watchdog0/timeout", "15\n")
    put(root, "sys/class/watchdog/watchdog0/identity", "Broadcom BCM2835 Watchdog timer\n")
    put(root, "sys/devices/system/cpu/cpu0/regs/identification/midr_el1", "0x00000000410fd034\n")
    put(root, "proc/sys/kernel/kexec_load_limit_reboot", "-1\n")
    (root / "run/systemd/system").mkdir(parents=True)
    system = read(root)
    assert (system.machine, system.uid, system.container) == ("aarch64", 0, None)
    assert system.board is not None
    assert len(system.board.cpus) == 4
    assert system.release == systems.RELEASE
    assert system.page_size == 4096
    assert system.memory == Memory(900000 << 10, 800000 << 10, 0)
    assert (system.online, system.possible) == ((0, 1, 2, 3), (0, 1, 2, 3))
    assert system.cores == (0x410FD034,)
    assert system.watchdogs == (
        Watchdog("watchdog0", "Broadcom BCM2835 Watchdog timer", True, 15, False),
    )
    assert system.crash_loaded is False
    assert system.reboot_limit == -1
    assert system.module == f"/lib/modules/{systems.RELEASE}/updates/roundpen.ko.xz"
    assert (system.kexec_tools, system.systemd) == ("/usr/sbin/kexec", True)
    assert (system.late, system.module_loaded) == (None, False)
    assert [each.range for each in system.iomem.ram] == [Range(0x40000000, 0x80000000)]


def test_an_empty_folder_is_a_system_of_which_nothing_is_known(tmp_path: Path) -> None:
    system = read(tmp_path)
    assert system == System(root=tmp_path, no_board=system.no_board)
    assert "no device tree" in system.no_board


def test_the_pen(root: Path) -> None:
    put(systems.with_pen(root), "sys/kernel/roundpen/fdt", b"a tree")
    system = read(root)
    assert system.late is not None
    assert (system.late.base, system.late.size) == (0x48000000, 0x10000)
    assert len(system.late.cpus) == 4
    assert (system.late_tree, system.module_loaded) == (b"a tree", True)


@pytest.mark.parametrize("text", ["", "x", "0x1", "1 2", "0x1 0x2 0x3", "0x1 -0x2"])
def test_a_pen_that_is_not_as_documented(root: Path, text: str) -> None:
    put(systems.with_pen(root), "sys/kernel/roundpen/region", text)
    system = read(root)
    assert system.late is None
    assert "region" in system.late_unreadable


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("run/systemd/container", "docker\n", "docker"),
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
        ("proc/1/environ", "A=b\0container=lxc\0", "lxc"),
        ("proc/self/uid_map", "0 100000 65536\n", "a user namespace"),
    ],
)
def test_containers(root: Path, name: str, content: str, expected: str) -> None:
    put(root, name, content)
    assert read(root).container == expected


def test_a_reader_without_rights(root: Path) -> None:
    put(root, "proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n")
    put(root, "proc/iomem", "00000000-00000000 : System RAM\n  00000000-00000000 : reserved\n")
    system = read(root)
    assert system.uid == 1000
    assert system.iomem.hidden
    assert not system.iomem.known


@pytest.mark.parametrize("raw", [b"", b"\6", bytes(8), b"\xff" * 4096])
def test_a_garbled_auxiliary_vector(root: Path, raw: bytes) -> None:
    put(root, "proc/self/auxv", raw)
    assert read(root).page_size is None


def test_a_damaged_tree_is_no_board(root: Path) -> None:
    whole = (root / "sys/firmware/fdt").read_bytes()
    put(root, "sys/firmware/fdt", whole[:200])
    system = read(root)
    assert system.board is None
    assert "truncated" in system.no_board or "no device tree" in system.no_board


def test_iomem_that_is_garbled() -> None:
    text = "junk\n\n80-70 : back to front\n 1-2 :\nffff : x\n10-1f : System RAM\n"
    found = parse(text)
    assert [(each.range, each.name) for each in found.resources] == [
        (Range(0x10, 0x20), "System RAM")
    ]
    assert found.garbled == 4


def test_iomem_keeps_terminals_safe() -> None:
    assert parse("0-f : \x1b[31mred\n").resources[0].name == "[31mred"


@given(st.text() | st.text("0123456789abcdef-: \nSystemRAM"))
def test_any_iomem_can_be_read(text: str) -> None:
    found = parse(text)
    assert isinstance(found, Iomem)
    assert all(each.range.start < each.range.end for each in found.resources)

# SPDX-License-Identifier: BSD-2-Clause
"""What was promised, what is found, and which trees count as the same."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from roundpen.contract import layout
from roundpen.devicetree.tree import Tree
from roundpen.errors import RefusedError, UserError
from roundpen.kexec import verdict
from roundpen.kexec.digest import digest
from roundpen.kexec.verdict import Agreement, Facts, Promise
from tests.unit.check_boards import spin
from tests.unit.kexec.systems import system
from tests.unit.kexec_root import put

BASE = 0x48000000
FACTS = Facts("6.12.1-test", 4, "EL2", f"{BASE:#x} 0x10000", digest(spin().dtb()))
PROMISE = Promise("boot-1", 1_700_000_000, "6.1.0-test", "/boot/vmlinuz-6.12", "late", FACTS)


def after(
    root: Path, *, online: str = "0-3", release: str = "6.12.1-test", pen: int = BASE
) -> Path:
    """The system behind the jump."""
    system(root, cpus=online)
    put(root, "proc/sys/kernel/osrelease", release + "\n")
    put(root, "proc/sys/kernel/random/boot_id", "boot-2\n")
    put(root, "dev/kmsg", "6,1,1,-;CPU: All CPU(s) started at EL2\n6,2,2,-;more\n")
    tree = "proc/device-tree/reserved-memory"
    put(root, f"{tree}/#address-cells", struct.pack(">I", 2))
    put(root, f"{tree}/roundpen@{pen:x}/compatible", layout.COMPATIBLE.encode() + b"\0")
    put(root, f"{tree}/roundpen@{pen:x}/reg", struct.pack(">2Q", pen, 0x10000))
    return root


def test_kept(tmp_path: Path) -> None:
    after(tmp_path)
    verdict.write(PROMISE, tmp_path)
    found = verdict.last(tmp_path)
    assert found.jumped
    assert found.kept
    assert [(row.what, row.agreement) for row in found.rows] == [
        (what, Agreement.SAME) for what in ("kernel", "CPUs online", "level", "pen", "device tree")
    ]
    assert verdict.lines(found)[0].startswith(
        "as promised: 6.1.0-test -> /boot/vmlinuz-6.12, way late, promised 2023-11-1"
    )


def test_what_differs_is_named(tmp_path: Path) -> None:
    after(tmp_path, online="0-1", release="6.1.0-test", pen=BASE + 0x10000)
    verdict.write(PROMISE, tmp_path)
    found = verdict.last(tmp_path)
    assert not found.kept
    differs = {row.what: row for row in found.rows if row.agreement is Agreement.DIFFERS}
    assert set(differs) == {"kernel", "CPUs online", "pen"}
    assert verdict.lines(found)[0].startswith("NOT as promised: ")
    assert "  CPUs online  2  promised 4" in verdict.lines(found)


def test_a_machine_that_started_afresh(tmp_path: Path) -> None:
    """It has no pen in its tree, and that is not "not known"."""
    system(tmp_path)
    put(tmp_path, "proc/sys/kernel/random/boot_id", "boot-2\n")
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    verdict.write(PROMISE, tmp_path)
    last = verdict.last(tmp_path)
    found = {row.what: row for row in last.rows}
    assert verdict.lines(last)[0].startswith("NOT as promised, started afresh by firmware: ")
    assert (found["pen"].found, found["pen"].agreement) == ("none", Agreement.DIFFERS)


def test_what_is_not_known_does_not_differ(tmp_path: Path) -> None:
    after(tmp_path)
    (tmp_path / "dev/kmsg").unlink()
    (tmp_path / "sys/firmware/fdt").unlink()
    verdict.write(PROMISE, tmp_path)
    found = verdict.last(tmp_path)
    unknown = {row.what for row in found.rows if row.agreement is Agreement.UNKNOWN}
    assert unknown == {"level", "device tree"}
    assert found.kept
    assert any("not known; promised EL2" in line for line in verdict.lines(found))


def test_before_the_jump(tmp_path: Path) -> None:
    after(tmp_path)
    verdict.write(replace(PROMISE, boot_id="boot-2"), tmp_path)
    found = verdict.last(tmp_path)
    assert (found.jumped, found.rows, found.kept) == (False, (), True)
    assert verdict.lines(found)[0].startswith("not jumped yet: ")
    assert verdict.as_json(found)["kept"] is None


def test_the_verdict_stays_when_the_system_changes(tmp_path: Path) -> None:
    after(tmp_path)
    verdict.write(PROMISE, tmp_path)
    first = verdict.last(tmp_path)
    assert sorted(path.name for path in (tmp_path / verdict.HOME).iterdir()) == ["verdict.json"]
    put(tmp_path, "sys/devices/system/cpu/online", "0\n")
    assert verdict.last(tmp_path) == first
    json.dumps(verdict.as_json(first))


def test_withdrawn(tmp_path: Path) -> None:
    verdict.write(PROMISE, tmp_path)
    verdict.withdraw(tmp_path)
    verdict.withdraw(tmp_path)
    with pytest.raises(RefusedError, match="no jump by roundpen is on record here"):
        verdict.last(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"at": 1}', "\0\0"])
@pytest.mark.parametrize("name", ["promise.json", "verdict.json"])
def test_damaged(tmp_path: Path, name: str, content: str) -> None:
    put(tmp_path, f"{verdict.HOME}/{name}", content)
    with pytest.raises(UserError, match="is no promise of roundpen's; remove it"):
        verdict.last(tmp_path)


@pytest.mark.parametrize("change", [{"at": "soon"}, {"boot_id": 7}])
def test_a_promise_of_another_shape(tmp_path: Path, change: dict[str, object]) -> None:
    verdict.write(PROMISE, tmp_path)
    path = tmp_path / verdict.HOME / "promise.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match="is no promise of roundpen's"):
        verdict.last(tmp_path)


# --- the tree ------------------------------------------------------------------------------


def edited(*changes: tuple[str, str, bytes]) -> bytes:
    tree = Tree(spin().dtb())
    for path, name, value in changes:
        tree.set(path, name, value)
    return tree.to_bytes()


def test_what_the_loader_writes_does_not_count() -> None:
    tree = Tree(spin().dtb())
    tree.add_node("/chosen")
    tree.set("/chosen", "bootargs", b"quiet\0")
    tree.add_node("/chosen/below")
    tree.reserve(0x48000000, 0x1000)
    assert digest(tree.to_bytes()) == digest(spin().dtb())


def test_everything_else_counts() -> None:
    seen = {
        digest(spin().dtb()),
        digest(edited(("/cpus/cpu@1", "cpu-release-addr", b"\0" * 8))),
        digest(edited(("/cpus/cpu@1", "new", b""))),
        digest(edited(("/", "model", b"x\0"))),
    }
    assert len(seen) == 4
    assert None not in seen


def test_a_tree_that_is_not_whole() -> None:
    whole = spin().dtb()
    for size in range(0, int.from_bytes(whole[4:8], "big"), 7):
        assert digest(whole[:size]) is None
    assert digest(b"\0" + whole) is None

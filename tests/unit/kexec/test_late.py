# SPDX-License-Identifier: BSD-2-Clause
"""What the module says in sysfs, in the kernel's log, and what lies over the running tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from roundpen.check.kernel_log import KernelLog
from roundpen.errors import RefusedError, UserError
from roundpen.kexec import late, tree_mount
from roundpen.kexec.late import Pen, State
from roundpen.kexec.tree_mount import Mounted
from tests.unit import samples
from tests.unit.kexec_root import late_module, put

BASE = 0xD6C0000


def test_not_loaded(tmp_path: Path) -> None:
    assert late.read(tmp_path) is None
    with pytest.raises(RefusedError, match="is not loaded; modprobe roundpen"):
        late.require(tmp_path)


def test_what_it_says(tmp_path: Path) -> None:
    late_module(tmp_path, states={3: "parked"})
    found = late.require(tmp_path)
    assert (found.pen, found.way, found.level) == (Pen.MADE, "spin-table", "EL2")
    assert (found.base, found.size, found.return_entry) == (BASE, 0x10000, BASE + 0x100)
    assert not found.loaded
    assert [cpu.number for cpu in found.cpus] == [0, 1, 2, 3]
    last = found.cpu(3)
    assert last is not None
    assert (last.mpidr, last.release_word, last.state) == (3, BASE + 0x1B00, State.PARKED)
    assert last.node == "/cpus/cpu@3"
    assert found.cpu(4) is None


def test_cpus_are_in_numbers_order(tmp_path: Path) -> None:
    late_module(tmp_path, cpus=12)
    assert [cpu.number for cpu in late.require(tmp_path).cpus] == list(range(12))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("version", "2\n", "speaks version 2, this roundpen 1"),
        ("pen", "borrowed\n", "is 'borrowed', expected made or adopted"),
        ("region", "0xd6c0000\n", "expected an address and a size"),
        ("return_entry", "-1\n", "expected a hexadecimal number"),
        ("cpu1/state", "asleep\n", "expected in the kernel or returning or parked or released"),
    ],
)
def test_another_version(tmp_path: Path, name: str, content: str, told: str) -> None:
    late_module(tmp_path)
    put(tmp_path, f"sys/kernel/roundpen/{name}", content)
    with pytest.raises(RefusedError, match=told):
        late.read(tmp_path)


def test_the_logbook(tmp_path: Path) -> None:
    late_module(tmp_path)
    assert late.logbook(tmp_path) is None
    put(tmp_path, "sys/kernel/roundpen/logbook", samples.region())
    book = late.logbook(tmp_path)
    assert book is not None
    assert book.cpus
    put(tmp_path, "sys/kernel/roundpen/logbook", b"short")
    with pytest.raises(UserError, match="0x5 bytes of the region"):
        late.logbook(tmp_path)


# --- why it does not load ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("log", "said", "told"),
    [
        (
            ["roundpen: refused: this kernel has no CONFIG_HOTPLUG_CPU"],
            "modprobe: ERROR: could not insert 'roundpen': Operation not supported",
            "no late pen here: this kernel has no CONFIG_HOTPLUG_CPU; roundpen check --live",
        ),
        (
            [],
            "modprobe: FATAL: Module roundpen not found in directory /lib/modules/6.1.0-56-arm64",
            "not found in directory /lib/modules/6.1.0-56-arm64; install the package",
        ),
        # busybox
        ([], "modprobe: module roundpen not found in modules.dep", "install the package"),
        (
            ["Loading of unsigned module is rejected"],
            "modprobe: ERROR: could not insert 'roundpen': Key was rejected by service",
            "sign the module with a key",
        ),
        (
            ["roundpen: version magic '6.1.0-55-arm64 SMP' should be '6.1.0-56-arm64 SMP'"],
            "modprobe: ERROR: could not insert 'roundpen': Exec format error",
            "build the module for the kernel that runs",
        ),
        (["roundpen: no memory"], "", "modprobe says no more; dmesg may say why: roundpen: no"),
    ],
)
def test_why_it_did_not_load(log: list[str], said: str, told: str) -> None:
    assert told in str(late.refusal(log, said))


def test_the_kernels_log_from_now_on(tmp_path: Path) -> None:
    put(tmp_path, "dev/kmsg", "6,1,1,-;roundpen: refused: of yesterday\n")
    with KernelLog(tmp_path) as log, (tmp_path / "dev/kmsg").open("a") as kernel:
        kernel.write("3,2,9,-;roundpen: refused: a reason\x1b[2J\n SUBSYSTEM=cpu;x\n")
        kernel.flush()
        assert log.lines() == ["roundpen: refused: a reason[2J"]
        kernel.write("6,3,9,-;another; with a sign\n")
        kernel.flush()
        assert log.lines() == ["another; with a sign"]
        assert log.lines() == []
    assert log.lines() == []


def test_no_log(tmp_path: Path) -> None:
    assert KernelLog(tmp_path).lines() == []


# --- the running tree ----------------------------------------------------------------------

SYSFS = "24 1 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
OURS = "99 24 0:22 /kernel/roundpen/fdt /sys/firmware/fdt rw shared:7 - sysfs sysfs rw\n"
STALE = OURS.replace("roundpen/fdt ", "roundpen/fdt//deleted ")
FOREIGN = "99 24 8:1 /root/new.dtb /sys/firmware/fdt rw - ext4 /dev/sda1 rw\n"


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        (SYSFS, Mounted.NOTHING),
        (SYSFS + OURS, Mounted.OURS),
        (SYSFS + STALE, Mounted.STALE),
        (SYSFS + FOREIGN, Mounted.FOREIGN),
        (SYSFS + FOREIGN + OURS, Mounted.OURS),
        (SYSFS + OURS + FOREIGN, Mounted.FOREIGN),
        # A file of that name, on another file system.
        (SYSFS + OURS.replace(" - sysfs", " - ext4"), Mounted.FOREIGN),
    ],
)
def test_what_is_mounted(tmp_path: Path, mounts: str, expected: Mounted) -> None:
    put(tmp_path, "proc/self/mountinfo", mounts)
    assert tree_mount.state(tmp_path) is expected

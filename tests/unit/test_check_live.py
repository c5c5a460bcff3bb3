# SPDX-License-Identifier: BSD-2-Clause
"""The running system, read from a folder that has its files where /proc, /sys and /dev do."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest

from roundpen.check import BootEvidence, System, check, live
from roundpen.errors import RefusedError
from tests.unit.check_boards import psci, spin

CONFIG = "CONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\nCONFIG_HOTPLUG_CPU=y\n"
LOG = """6,1,0,-;Booting Linux on physical CPU 0x0000000000 [0x411fd070]
6,2,9,-;CPU: All CPU(s) started at EL2
4,3,9,-;a driver's line
 SUBSYSTEM=pci
3,4,99,-;kexec_core: Can't kexec: CPUs are stuck in the kernel.
3,5,99,-;missing boot CPU MPIDR, not enabling secondaries
3,6,99,-;psci: failed to boot CPU1 (-95)
2,7,99,-;CPU2: failed to come online
4,8,99,-;psci: CPU3 may not have shut down cleanly (AFFINITY_INFO reports 0)
"""


def put(root: Path, name: str, content: str | bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "sys/firmware/fdt", spin().dtb())
    put(tmp_path, "proc/cmdline", "console=ttyS0 maxcpus=2\n")
    put(tmp_path, "proc/config.gz", gzip.compress(CONFIG.encode()))
    put(tmp_path, "proc/sys/kernel/osrelease", "6.1.0-test\n")
    put(tmp_path, "proc/sys/kernel/kexec_load_disabled", "0\n")
    put(tmp_path, "sys/kernel/kexec_loaded", "1\n")
    put(tmp_path, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    put(tmp_path, "sys/devices/system/cpu/possible", "0-3\n")
    put(tmp_path, "sys/devices/system/cpu/online", "0,2-3\n")
    put(tmp_path, "sys/devices/system/cpu/cpu1/online", "0\n")
    (tmp_path / "sys/devices/system/cpu/cpu2").mkdir()
    put(tmp_path, "sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size", "64\n")
    put(tmp_path, "sys/kernel/reboot/cpu", "2\n")
    put(tmp_path, "sys/class/watchdog/watchdog0/state", "active\n")
    put(tmp_path, "sys/class/watchdog/watchdog1/state", "inactive\n")
    put(tmp_path, "dev/kmsg", LOG)
    return tmp_path


def test_all_that_it_says(root: Path) -> None:
    board, system = live.read(root)
    assert len(board.cpus) == 4
    assert board.boot_evidence is BootEvidence.TOLD
    assert system.live
    assert system.entry_level == 2
    assert (system.option("KEXEC"), system.option("KEXEC_FILE")) == (True, False)
    assert system.word("maxcpus") == "2"
    assert system.lockdown == "integrity"
    assert (system.kexec_loaded, system.kexec_disabled) == (True, False)
    assert (system.possible, system.online) == (4, 3)
    assert (system.offline, system.cannot_offline) == ((1,), (2,))
    assert system.reboot_cpu == 2
    assert system.cache_line == 64
    assert system.watchdogs == ("watchdog0",)
    assert system.efi is False
    assert [line for line in system.log if "driver" in line] == []
    found = {finding.code for finding in check(board, system)}
    assert {"RP116", "RP117", "RP118"} <= found
    assert {"RP040", "RP101", "RP105", "RP107", "RP108", "RP110", "RP111"} <= found


def test_what_is_not_there_is_not_known(tmp_path: Path) -> None:
    put(tmp_path, "sys/firmware/fdt", psci().dtb())
    board, system = live.read(tmp_path)
    assert system.config is None
    assert system == System(live=True, release=system.release, efi=False)
    assert check(board, system) == ()


def test_the_boot_configuration_stands_in(root: Path) -> None:
    (root / "proc/config.gz").unlink()
    put(root, "boot/config-6.1.0-test", "CONFIG_KEXEC_FILE=y\n")
    _, system = live.read(root)
    assert system.option("KEXEC_FILE") is True


@pytest.mark.parametrize("packed", [b"", b"no gzip", gzip.compress(b"x" * 100, mtime=0)[:20]])
def test_a_damaged_configuration_is_not_known(root: Path, packed: bytes) -> None:
    put(root, "proc/config.gz", packed)
    _, system = live.read(root)
    assert system.option("KEXEC") in (None, False)


@pytest.mark.parametrize("text", ["", "0-", "x", "3-1,,", "0-99999999999"])
def test_a_list_that_is_none(root: Path, text: str) -> None:
    put(root, "sys/devices/system/cpu/online", text)
    _, system = live.read(root)
    assert system.online is None or system.online <= 4


def test_a_machine_without_a_tree(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="this machine has no device tree"):
        live.read(tmp_path)


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
def test_without_the_blob_the_folder_stands_in(root: Path) -> None:
    """Its reservation block is not known then, and nothing is said of unreserved words."""
    (root / "sys/firmware/fdt").unlink()
    tree = root / "proc/device-tree"
    for number in range(2):
        node = f"proc/device-tree/cpus/cpu@{number}"
        put(root, f"{node}/device_type", "cpu\0")
        put(root, f"{node}/reg", number.to_bytes(4, "big"))
        put(root, f"{node}/enable-method", "spin-table\0")
        put(root, f"{node}/cpu-release-addr", (0x4000_0000 + 256 * number).to_bytes(8, "big"))
    put(root, "proc/device-tree/cpus/#address-cells", (1).to_bytes(4, "big"))
    board, system = live.read(root)
    assert tree.is_dir()
    assert not system.whole_tree
    assert [cpu.method for cpu in board.cpus] == ["spin-table"] * 2
    found = {finding.code for finding in check(board, system)}
    assert "RP114" in found
    assert "RP026" not in found


def test_a_log_that_nobody_writes_to_ends(root: Path) -> None:
    """/dev/kmsg blocks after the last record; a FIFO without a writer is the like."""
    (root / "dev/kmsg").unlink()
    os.mkfifo(root / "dev/kmsg")
    _, system = live.read(root)
    assert system.log == ()


def test_the_boot_cpu_is_the_one_that_the_kernel_names(root: Path) -> None:
    """Linux asks MPIDR_EL1; bits that are no affinity don't count."""
    put(root, "dev/kmsg", "6,1,0,-;Booting Linux on physical CPU 0x0080000002 [0x410fd034]\n")
    board, _ = live.read(root)
    assert [cpu.is_boot for cpu in board.cpus] == [False, False, True, False]

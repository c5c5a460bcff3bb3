# SPDX-License-Identifier: BSD-2-Clause
"""The running system: its tree and what else concerns kexec.

The thin edge: all files of /proc, /sys and /dev that a check reads are read here. What is not
there, or not ours to read, is "not known".
"""

from __future__ import annotations

import platform
import re
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

from roundpen.check import sysfs
from roundpen.check.board import MPIDR_AFFINITY, Board
from roundpen.check.files import kernel, read_bounded
from roundpen.check.kernel_log import KernelLog
from roundpen.check.survey import survey
from roundpen.check.system import Kernel, System
from roundpen.contract.layout import CpuState
from roundpen.devicetree import Outline
from roundpen.errors import MachineError, RefusedError, RoundpenError, UserError

_CONFIG_MAX = 4 << 20
_SECONDS = 30
_OF_INTEREST = re.compile(
    r"kexec|CPU.*(stuck|stale|on ?line|offline|firmware|started at EL)|CPU\d+:? |psci"
    r"|(boot|physical) CPU|52-bit Virtual",
    re.I,
)
_BAD_STATES = (CpuState.ABSENT, CpuState.FAILED, CpuState.WRONG_LEVEL, CpuState.DEAD)


def read(root: Path = Path("/")) -> tuple[Board, System]:
    """The board and the system below `root`, which is / unless a test has a copy of one.

    Raises UserError when this machine has no device tree (it uses ACPI, or is no arm64).
    """
    outline, whole = _tree(root)
    log = tuple(line for line in _log(root) if _OF_INTEREST.search(line))
    cpus = root / "sys/devices/system/cpu"
    release = sysfs.text(root / "proc/sys/kernel/osrelease") or platform.release()
    possible, online = sysfs.listed(cpus / "possible"), sysfs.listed(cpus / "online")
    u_boot = (sysfs.text(root / "proc/device-tree/chosen/u-boot,version") or "").strip("\0") or None
    system = System(
        live=True,
        entry_level=_entry_level(log),
        release=release,
        config=_config(root, release),
        command_line=sysfs.text(root / "proc/cmdline"),
        lockdown=_lockdown(root),
        kexec_loaded=sysfs.flag(root / "sys/kernel/kexec_loaded"),
        kexec_disabled=sysfs.flag(root / "proc/sys/kernel/kexec_load_disabled"),
        possible=_count(possible),
        online=_count(online),
        offline=tuple(sorted(set(possible or ()) - set(online))) if online else (),
        reboot_cpu=sysfs.number(root / "sys/kernel/reboot/cpu"),
        cannot_offline=tuple(_without_switch(cpus)),
        log=log,
        watchdogs=tuple(_armed(root / "sys/class/watchdog")),
        efi=(root / "sys/firmware/efi").is_dir(),
        whole_tree=whole,
        cache_line=_cache_line(cpus),
        kernel=_kernel(root, release) if u_boot else None,
        u_boot=u_boot,
        late_pen=_late_pen(root / "sys/kernel/roundpen"),
        modules_disabled=sysfs.flag(root / "proc/sys/kernel/modules_disabled"),
        logbook=tuple(_logbook()) if root == Path("/") else (),
    )
    return survey(outline, _boot_id(log)), system


# --- the tree ------------------------------------------------------------------------------


def _tree(root: Path) -> tuple[Outline, bool]:
    """The live tree, and whether it has its reservation block.

    The blob that the loader passed needs root; /proc/device-tree does not, and lacks the block.
    """
    blob = root / "sys/firmware/fdt"
    try:
        return Outline(read_bounded(blob), "the running system"), True
    except UserError as error:
        folder = root / "proc/device-tree"
        if not folder.is_dir():
            raise RefusedError(
                f"this machine has no device tree ({error.message})",
                remedy="--live is for arm64 machines that boot with one; give a DTB instead",
            ) from error
    return Outline(_from_folder(folder), "the running system"), False


def _from_folder(folder: Path) -> bytes:
    """The tree that dtc makes of /proc/device-tree."""
    command = ["dtc", "-q", "-I", "fs", "-O", "dtb", f"{folder}/"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except FileNotFoundError as error:
        raise RefusedError(
            "dtc is not installed, and /sys/firmware/fdt can't be read",
            remedy="run as root, or install device-tree-compiler",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{folder}: dtc took more than {_SECONDS} s") from error
    if done.returncode:
        raise RefusedError(f"{folder}: dtc can't read it", remedy="run as root")
    return done.stdout


# --- the kernel ----------------------------------------------------------------------------


def _config(root: Path, release: str) -> dict[str, str] | None:
    try:
        running = packed_config(read_bounded(root / "proc/config.gz", _CONFIG_MAX))
    except RoundpenError:
        running = None
    return config_of(root, release) if running is None else running


def packed_config(packed: bytes) -> dict[str, str] | None:
    """A configuration as the kernel carries it, in gzip; None when it is none."""
    from roundpen.kernel.config import options

    try:
        # What it unpacks to has a bound as well.
        text = zlib.decompressobj(wbits=31).decompress(packed, _CONFIG_MAX)
    except zlib.error:
        return None
    return options(text.decode("utf-8", "replace"))


def config_of(root: Path, release: str) -> dict[str, str] | None:
    """The stored configuration of a kernel of this system; None when there is none."""
    if "/" in release:
        return None
    for place in (f"boot/config-{release}", f"usr/lib/modules/{release}/config"):
        found = stored_config(root / place)
        if found is not None:
            return found
    return None


def stored_config(path: Path) -> dict[str, str] | None:
    """A configuration from a file; None when it can't be read."""
    from roundpen.kernel.config import options

    try:
        return options(read_bounded(path, _CONFIG_MAX).decode("utf-8", "replace"))
    except RoundpenError:
        return None


def _kernel(root: Path, release: str) -> Kernel | None:
    """The running kernel's file, where distributions put it."""
    if "/" in release:
        return None
    try:
        return kernel(root / f"boot/vmlinuz-{release}")
    except RoundpenError:
        return None


def _late_pen(folder: Path) -> str | None:
    """The folder is there as long as the module has a pen (module/README.md)."""
    pen = sysfs.text(folder / "pen")
    return pen if pen in ("made", "adopted") else None


def _lockdown(root: Path) -> str | None:
    """The word in brackets of "none [integrity] confidentiality"."""
    text = sysfs.text(root / "sys/kernel/security/lockdown")
    chosen = re.search(r"\[(\w+)\]", text or "")
    return chosen[1] if chosen else None


def _log(root: Path) -> list[str]:
    with KernelLog(root, since_boot=True) as log:
        return log.lines()


def _boot_id(log: tuple[str, ...]) -> int | None:
    """MPIDR_EL1 from "Booting Linux on physical CPU 0x..." (arch/arm64/kernel/setup.c)."""
    for line in log:
        found = re.search(r"Booting Linux on physical CPU (0x[0-9a-f]+)", line)
        if found:
            return int(found[1], 16) & MPIDR_AFFINITY
    return None


def _entry_level(log: tuple[str, ...]) -> int | None:
    """From "CPU: All CPU(s) started at EL2" (arch/arm64/kernel/smp.c, hyp_mode_check())."""
    for line in log:
        found = re.search(r"CPU\(s\) started at EL(\d)", line)
        if found:
            return int(found[1])
    return None


# --- CPUs and devices ----------------------------------------------------------------------


def _count(numbers: tuple[int, ...] | None) -> int | None:
    return None if numbers is None else len(numbers)


def _without_switch(cpus: Path) -> Iterator[int]:
    """CPU 0 often has none on purpose."""
    for number, path in sysfs.numbered(cpus, "cpu"):
        if number and not (path / "online").exists():
            yield number


def _cache_line(cpus: Path) -> int | None:
    """The longest line of any cache; the kernel's own measure, CTR_EL0.CWG, is not shown."""
    sizes = [
        int(text)
        for path in cpus.glob("cpu*/cache/index*/coherency_line_size")
        if (text := sysfs.text(path)) and text.isdecimal() and 0 < int(text) <= sysfs.SMALL
    ]
    return max(sizes, default=None)


def _armed(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("watchdog*")):
        if sysfs.text(path / "state") == "active":
            yield path.name


def _logbook() -> Iterator[str]:
    """What the pen says of CPUs that are not where they should be; nothing without a pen."""
    from roundpen.logbook import live

    try:
        book = live.read()
    except RoundpenError:
        return
    for cpu in book.cpus:
        if cpu.state in _BAD_STATES:
            yield f"CPU {cpu.mpidr:#x}: {cpu.state.name.lower().replace('_', ' ')}"

# SPDX-License-Identifier: BSD-2-Clause
"""The running system as a value: all of it that a plan depends on, read once, judged by nobody.

Everything comes from files below a root folder, so that a copy of a system's files is a system.
What is not there, or not ours to read, is None: "not known".
"""

from __future__ import annotations

import os
import platform
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from roundpen.check import live, sysfs
from roundpen.check.board import Board
from roundpen.check.files import read_bounded
from roundpen.check.system import UNKNOWN
from roundpen.check.system import System as Running
from roundpen.contract.layout import TREE_MAX
from roundpen.errors import RoundpenError
from roundpen.kexec import late
from roundpen.kexec.iomem import Iomem, parse
from roundpen.kexec.late import Late

ARM64 = "aarch64"
_IOMEM_MAX = 8 << 20
_AT_PAGESZ = 6
_WHOLE_NAMESPACE = 4294967295


@dataclass(frozen=True, slots=True)
class Watchdog:
    """A watchdog device. `timeout`: seconds after the last ping until it resets the machine."""

    name: str
    identity: str
    active: bool
    timeout: int | None
    no_way_out: bool


@dataclass(frozen=True, slots=True)
class Memory:
    """/proc/meminfo, in bytes."""

    total: int
    available: int
    """To programs, without swapping."""
    cma_free: int
    """Of that, what only programs can have: the kernel's own pages never come from CMA."""

    @property
    def for_the_kernel(self) -> int:
        """What the kernel can have for its copy of the segments."""
        return max(0, self.available - self.cma_free)


@dataclass(frozen=True, slots=True)
class System:
    """The running system. `running` and `board` are what `roundpen check --live` goes by."""

    root: Path = Path("/")
    machine: str | None = None
    """`uname -m`."""
    uid: int | None = None
    """The effective user of this process."""
    container: str | None = None
    """What kind of container this is, or None: this is the machine itself, as far as seen."""
    board: Board | None = None
    no_board: str = ""
    """Why there is no `board`."""
    running: Running = UNKNOWN
    tree: bytes | None = field(default=None, repr=False)
    """/sys/firmware/fdt; needs root."""
    iomem: Iomem = field(default=Iomem(), repr=False)
    memory: Memory | None = None
    page_size: int | None = None
    """Bytes, of the running kernel."""
    crash_loaded: bool | None = None
    reboot_limit: int | None = None
    """sysctl kernel.kexec_load_limit_reboot: how many loads are left; -1 is no limit."""
    online: tuple[int, ...] = ()
    possible: tuple[int, ...] = ()
    cores: tuple[int, ...] = ()
    """MIDR_EL1 of each CPU that shows it, without doubles."""
    watchdogs: tuple[Watchdog, ...] = ()
    late: Late | None = None
    """The module's pen."""
    late_unreadable: str = ""
    """Why `late` is None although the module has a pen."""
    late_tree: bytes | None = field(default=None, repr=False)
    """The running tree with the pen in it, of a pen that the module made; needs root."""
    module: str | None = None
    """Where the module `roundpen` for this kernel is, as depmod has listed it."""
    module_loaded: bool = False
    kexec_tools: str | None = None
    """Where the program `kexec` is."""
    systemd: bool = False
    """Does systemd run the system (sd_booted(3))?"""

    @property
    def release(self) -> str | None:
        """The running kernel's release."""
        return self.running.release


def read(root: Path = Path("/")) -> System:
    """The system whose files are below `root`. Nothing missing is an error here."""
    board, running, no_board = _board(root)
    found, unreadable = _late(root)
    cpus = root / "sys/devices/system/cpu"
    release = running.release or sysfs.text(root / "proc/sys/kernel/osrelease") or ""
    return System(
        root=root,
        machine=_machine(root),
        uid=_uid(root),
        container=_container(root),
        board=board,
        no_board=no_board,
        running=running,
        tree=_bytes(root / "sys/firmware/fdt", TREE_MAX),
        iomem=parse((_bytes(root / "proc/iomem", _IOMEM_MAX) or b"").decode("utf-8", "replace")),
        memory=_memory(root / "proc/meminfo"),
        page_size=_page_size(root / "proc/self/auxv"),
        crash_loaded=sysfs.flag(root / "sys/kernel/kexec_crash_loaded"),
        reboot_limit=_signed(root / "proc/sys/kernel/kexec_load_limit_reboot"),
        online=sysfs.listed(cpus / "online") or (),
        possible=sysfs.listed(cpus / "possible") or (),
        cores=tuple(dict.fromkeys(_cores(cpus))),
        watchdogs=tuple(_watchdogs(root / "sys/class/watchdog")),
        late=found,
        late_unreadable=unreadable,
        late_tree=_bytes(root / late.HOME / "fdt", TREE_MAX),
        module=_module(root, release),
        module_loaded=(root / "sys/module/roundpen").is_dir(),
        kexec_tools=_program(root),
        systemd=(root / "run/systemd/system").is_dir(),
    )


def _board(root: Path) -> tuple[Board | None, Running, str]:
    """As `check --live` has it; why not, where it has none (ACPI, no arm64, a damaged tree)."""
    try:
        return *live.read(root), ""
    except RoundpenError as error:
        return None, UNKNOWN, str(error)


def _late(root: Path) -> tuple[Late | None, str]:
    try:
        return late.read(root), ""
    except RoundpenError as error:
        return None, str(error)


def _bytes(path: Path, limit: int) -> bytes | None:
    try:
        return read_bounded(path, limit) or None
    except RoundpenError:
        return None


def _signed(path: Path) -> int | None:
    text = sysfs.text(path) or ""
    return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else None


# --- who asks, and where -------------------------------------------------------------------


def _machine(root: Path) -> str | None:
    """The file is there since Linux 6.2; the system call is asked for the running system only."""
    named = sysfs.text(root / "proc/sys/kernel/arch")
    return named or (platform.machine() if root == Path("/") else None)


def _uid(root: Path) -> int | None:
    """The second number of "Uid:" (man proc(5)): a copy of a system has its reader in it."""
    found = re.search(r"^Uid:\s+\d+\s+(\d{1,10})\s", _status(root), re.MULTILINE)
    if found:
        return int(found[1])
    return os.geteuid() if root == Path("/") else None


def _status(root: Path) -> str:
    return sysfs.text(root / "proc/self/status") or ""


def _container(root: Path) -> str | None:
    """What systemd, Docker or Podman leave, or a user namespace that is not the machine's.

    Sources: systemd's "The Container Interface" (/run/systemd/container, `container` in the
    environment of process 1); user_namespaces(7) for the map.
    """
    named = sysfs.text(root / "run/systemd/container")
    if named:
        return named.splitlines()[0][:40]
    marks = {".dockerenv": "docker", "run/.containerenv": "podman"}
    for file, name in marks.items():
        if (root / file).exists():
            return name
    environment = sysfs.text(root / "proc/1/environ") or ""
    for entry in environment.split("\0"):
        if entry.startswith("container="):
            return entry.removeprefix("container=")[:40] or "a container"
    uid_map = (sysfs.text(root / "proc/self/uid_map") or "").split()
    if uid_map and uid_map != ["0", "0", str(_WHOLE_NAMESPACE)]:
        return "a user namespace"
    return None


def _program(root: Path) -> str | None:
    for folder in ("usr/sbin", "sbin", "usr/bin", "usr/local/sbin", "run/current-system/sw/bin"):
        if os.access(root / folder / "kexec", os.X_OK):
            return f"/{folder}/kexec"
    return None


def _module(root: Path, release: str) -> str | None:
    """From modules.dep, so that what modprobe would find is what is found."""
    if not release or "/" in release:
        return None
    for top in ("lib/modules", "usr/lib/modules", "run/booted-system/kernel-modules/lib/modules"):
        listing = sysfs.text(root / top / release / "modules.dep", 8 << 20)
        found = re.search(r"^(\S*\broundpen\.ko[.\w]*):", listing or "", re.MULTILINE)
        if found:
            return f"/{top}/{release}/{found[1]}"
    return None


# --- memory --------------------------------------------------------------------------------


def _memory(path: Path) -> Memory | None:
    text = sysfs.text(path) or ""
    found = re.findall(r"^(\w+):\s+(\d{1,15}) kB$", text, re.MULTILINE)
    kib: dict[str, int] = {name: int(value) << 10 for name, value in found}
    total, free = kib.get("MemTotal"), kib.get("MemFree")
    if total is None or free is None:
        return None
    return Memory(total, kib.get("MemAvailable", free), kib.get("CmaFree", 0))


def _page_size(path: Path) -> int | None:
    """AT_PAGESZ of the auxiliary vector (getauxval(3)): pairs of 64-bit words."""
    raw = _bytes(path, sysfs.SMALL) or b""
    words = struct.unpack(f"<{len(raw) // 8}Q", raw[: len(raw) // 8 * 8])
    entries: dict[int, int] = dict(zip(words[::2], words[1::2], strict=False))
    size = entries.get(_AT_PAGESZ)
    return size if size in (4096, 16384, 65536) else None


# --- devices -------------------------------------------------------------------------------


def _cores(cpus: Path) -> Iterator[int]:
    for _, folder in sysfs.numbered(cpus, "cpu"):
        midr = sysfs.address(folder / "regs/identification/midr_el1")
        if midr is not None:
            yield midr


def _watchdogs(folder: Path) -> Iterator[Watchdog]:
    for _, device in sysfs.numbered(folder, "watchdog"):
        yield Watchdog(
            name=device.name,
            identity=sysfs.text(device / "identity") or "",
            active=sysfs.text(device / "state") == "active",
            timeout=sysfs.number(device / "timeout"),
            no_way_out=sysfs.flag(device / "nowayout") or False,
        )

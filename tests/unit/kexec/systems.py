# SPDX-License-Identifier: BSD-2-Clause
"""Folders that are systems: what a running machine has in /proc and /sys, for the plan's tests."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

from roundpen.image.header import ImageHeader
from tests.unit.check_boards import Sample, spin
from tests.unit.kexec_root import late_module, put

STOCK = {
    "MODULES": "y",
    "KPROBES": "y",
    "KRETPROBES": "y",
    "HOTPLUG_CPU": "y",
    "KEXEC": "y",
    "KEXEC_FILE": "n",
}
"""As Debian's arm64 kernels are."""
IOMEM = """\
40000000-7fffffff : System RAM
  40210000-41ffffff : Kernel code
  42000000-4251ffff : reserved
  42520000-428fffff : Kernel data
  7c000000-7fffffff : reserved
"""
RELEASE = "6.1.0-test"
WHOLE = "         0          0 4294967295\n"


def configure(root: Path, **options: str) -> None:
    """The running kernel's configuration: STOCK with changes."""
    lines = (f"CONFIG_{name}={value}\n" for name, value in {**STOCK, **options}.items())
    text = "".join(line for line in lines if not line.endswith("=n\n"))
    put(root, "proc/config.gz", gzip.compress(text.encode()))


def system(root: Path, board: Sample | None = None, cpus: str = "0-3") -> Path:
    """A machine that a stock kernel runs, with root looking."""
    put(root, "sys/firmware/fdt", (board or spin()).dtb())
    put(root, "proc/cmdline", "console=ttyS0 root=/dev/sda\n")
    configure(root)
    put(root, "proc/sys/kernel/osrelease", f"{RELEASE}\n")
    put(root, "proc/sys/kernel/arch", "aarch64\n")
    put(root, "proc/sys/kernel/kexec_load_disabled", "0\n")
    put(root, "proc/self/status", "Name:\tpython3\nUid:\t0\t0\t0\t0\n")
    put(root, "proc/self/uid_map", WHOLE)
    put(root, "proc/self/auxv", struct.pack("<6Q", 16, 0xFF, 6, 4096, 0, 0))
    put(root, "proc/iomem", IOMEM)
    put(root, "proc/meminfo", "MemTotal:  900000 kB\nMemFree: 700000 kB\nMemAvailable: 800000 kB\n")
    put(root, "sys/kernel/kexec_loaded", "0\n")
    put(root, "sys/kernel/kexec_crash_loaded", "0\n")
    put(root, "sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
    put(root, "sys/devices/system/cpu/possible", f"{cpus}\n")
    put(root, "sys/devices/system/cpu/online", f"{cpus}\n")
    put(root, f"lib/modules/{RELEASE}/modules.dep", "kernel/a.ko:\nupdates/roundpen.ko.xz:\n")
    put(root, "usr/sbin/kexec", "")
    (root / "usr/sbin/kexec").chmod(0o755)
    return root


def with_pen(root: Path, pen: str = "made", base: int = 0x48000000) -> Path:
    """The same with the module's pen."""
    late_module(root, base=base, pen=pen)
    (root / "sys/module/roundpen").mkdir(parents=True, exist_ok=True)
    return root


def kernel(
    page: int = 4096,
    *,
    image_size: int = 35 << 20,
    signed: bool = False,
    spin_table: bool = True,
    more: bytes = b"",
) -> bytes:
    """An Image as far as a plan reads one: header, version, what it knows, perhaps a signature."""
    code = {4096: 1, 16384: 2, 65536: 3}[page]
    stub = b"MZ\0\x14" if signed else b"\0\0\0\x14"
    header = ImageHeader(
        code0=int.from_bytes(stub, "little"),
        code1=0,
        text_offset=0,
        image_size=image_size,
        flags=code << 1 | 1 << 3,
        pe_offset=64 if signed else 0,
    )
    # PE32+: nothing but the certificate table (data directory 4) has a size.
    pe = b"PE\0\0" + bytes(20 + 112 + 8 * 4 + 4) + (b"\x08\0\0\0" if signed else bytes(4))
    text = b"Linux version 6.12.0-next (somebody@somewhere) #1 SMP\0"
    known = b"psci\0spin-table\0" if spin_table else b"psci\0"
    return header.pack() + pe + text + known + more + bytes(1 << 20)

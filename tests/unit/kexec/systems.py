# SPDX-License-Identifier: BSD-2-Clause
"""Folders that are systems: what a running machine has in /proc and /sys, for the plan's tests."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

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

# SPDX-License-Identifier: BSD-2-Clause
"""Files of a running system in a folder, for what reads them below a root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MODULE = "sys/kernel/roundpen"


def put(root: Path, name: str, content: str | bytes) -> Path:
    """Write one file, and the folders above it."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def late_module(
    root: Path,
    *,
    base: int = 0xD6C0000,
    cpus: int = 4,
    pen: str = "made",
    states: Mapping[int, str] | None = None,
) -> None:
    """/sys/kernel/roundpen as the module shows it (module/README.md)."""
    words = {
        "version": "1",
        "pen": pen,
        "way": "spin-table",
        "level": "EL2",
        "region": f"{base:#x} 0x10000",
        "return_entry": f"{base + 0x100:#x}",
        "loaded": "0",
    }
    for number in range(cpus):
        words |= {
            f"cpu{number}/mpidr": f"{number:#x}",
            f"cpu{number}/release_word": f"{base + 0x1800 + 0x100 * number:#x}",
            f"cpu{number}/state": (states or {}).get(number, "in the kernel"),
            f"cpu{number}/node": f"/cpus/cpu@{number:x}",
        }
    for name, text in words.items():
        put(root, f"{MODULE}/{name}", text + "\n")

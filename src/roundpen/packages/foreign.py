# SPDX-License-Identifier: BSD-2-Clause
"""Programs of another Debian than the host's: run with the libraries that they were made for."""

from __future__ import annotations

import platform
from pathlib import Path

from roundpen.errors import MachineError, RefusedError

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def host_architecture() -> str:
    """Debian's name for what this host runs.

    Raises RefusedError where Debian's programs are no help.
    """
    found = _ARCHITECTURES.get(platform.machine())
    if found is None:
        raise RefusedError(
            f"{platform.machine()}: Debian's programs are taken for x86_64 and aarch64 only",
            remedy="use a host of either kind",
        )
    return found


def linker_command(root: Path, machine: str) -> tuple[str, ...]:
    """The dynamic linker inside `root`, with the libraries from there and none of the host's.

    What follows on the command line is the program. Raises MachineError when there is none.
    """
    triplet = f"{machine}-linux-gnu"
    linker = one(root, ("lib64/ld-linux-x86-64.so.2", f"lib/{triplet}/ld-linux-*.so.*"))
    libraries = sorted(
        {str(path.parent) for path in root.glob(f"usr/lib/{triplet}/**/*.so*")}
        | {str(path.parent) for path in root.glob(f"lib/{triplet}/*.so*")}
    )
    return (str(linker), "--library-path", ":".join(libraries))


def one(root: Path, patterns: tuple[str, ...]) -> Path:
    """The first file of `root` that matches, in /usr or at its top.

    Raises MachineError when nothing does.
    """
    for pattern in patterns:
        for base in ("usr/", ""):
            found = sorted(root.glob(base + pattern))
            if found:
                return found[0]
    raise MachineError(
        f"{root}: no {' or '.join(patterns)} there",
        remedy="remove that folder, and the packages are unpacked again",
    )

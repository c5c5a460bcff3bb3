# SPDX-License-Identifier: BSD-2-Clause
"""Compile the vendor firmware, once per content of its sources and compiler."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

from roundpen import cache
from roundpen.errors import MachineError, RefusedError
from roundpen.lab.firmware import params

PREFIX = "" if platform.machine() == "aarch64" else "aarch64-linux-gnu-"
"""Of the compiler's tools: an arm64 host's own ones will do."""

SOURCES = ("start.S", "home.S", "liar.S", "el3.c", "gic.c", "soil.c")
_ALL = (*SOURCES, "vendor.h", "vendor.ld")
FLAGS = (
    "-std=gnu11",
    "-Os",
    "-march=armv8-a",
    "-mgeneral-regs-only",
    "-mstrict-align",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-pie",
    "-fno-tree-loop-distribute-patterns",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--build-id=none",
    "-Wl,--no-warn-rwx-segments",
    "-Wl,-z,max-page-size=4096",
)


def run(command: list[str]) -> str:
    """Run one build tool; its standard output.

    Raises MachineError with the tool's own words when it is missing or fails.
    """
    if shutil.which(command[0]) is None:
        raise RefusedError(
            f"{command[0]}: not found",
            remedy="install gcc-aarch64-linux-gnu, on arm64 gcc (the names on Debian and Ubuntu)",
        )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        raise MachineError(f"{command[0]}: exit status {done.returncode}: {words}")
    return done.stdout


def compiler() -> str:
    """How the compiler names itself and its version, for keys of what it made.

    Raises MachineError when there is none.
    """
    return run([f"{PREFIX}gcc", "--version"]).splitlines()[0]


def binary() -> Path:
    """The firmware as a flat binary, linked for params.VENDOR_BASE.

    Raises MachineError when there is no cross compiler or it fails.
    """
    here = Path(__file__).parent
    key = cache.digest(
        compiler(), " ".join(FLAGS), params.header(), *((here / name).read_bytes() for name in _ALL)
    )
    return cache.entry("vendor", key, lambda folder: compile_into(folder, here)) / "vendor.bin"


def compile_into(folder: Path, here: Path) -> None:
    """Compile the sources in `here` to `folder`/vendor.bin.

    Raises MachineError when there is no cross compiler or it fails.
    """
    (folder / "params.h").write_text(params.header())
    script = (here / "vendor.ld").read_text()
    for name in ("VENDOR_BASE", "VENDOR_PARAMS", "RETURN_ENTRY", "LIAR_ENTRY", "OWN_WORDS"):
        script = script.replace(name, hex(getattr(params, name)))
    (folder / "vendor.ld").write_text(script)
    elf = folder / "vendor.elf"
    sources = [str(here / name) for name in SOURCES]
    run([f"{PREFIX}gcc", *FLAGS, f"-I{folder}", f"-I{here}", "-T", str(folder / "vendor.ld"),
         *sources, "-o", str(elf)])  # fmt: skip
    run([f"{PREFIX}objcopy", "-O", "binary", str(elf), str(folder / "vendor.bin")])

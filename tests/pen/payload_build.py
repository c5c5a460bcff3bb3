# SPDX-License-Identifier: BSD-2-Clause
"""Compile the test kernel, once per content of its sources."""

from __future__ import annotations

from pathlib import Path

from roundpen import cache
from roundpen.lab.firmware.build import PREFIX, run
from tests.pen import config

_HERE = Path(__file__).parent / "payload"
_FLAGS = (
    "-std=gnu11", "-O1", "-march=armv8-a", "-mgeneral-regs-only", "-mstrict-align", "-fpie",
    "-fvisibility=hidden", "-ffreestanding", "-fno-stack-protector", "-fno-common",
    "-fno-tree-loop-distribute-patterns", "-Wall", "-Wextra", "-Werror", "-nostdlib", "-static",
    "-Wl,-pie", "-Wl,--no-dynamic-linker", "-Wl,--build-id=none", "-Wl,-z,max-page-size=4096",
    "-Wl,--no-warn-rwx-segments",
)  # fmt: skip


def image(what: config.Config) -> bytes:
    """The test kernel's Image with `what` written into it.

    Raises MachineError when there is no cross compiler or it fails.
    """
    data = bytearray((_built() / "payload.bin").read_bytes())
    block = what.pack()
    data[config.CONFIG_OFFSET : config.CONFIG_OFFSET + len(block)] = block
    return bytes(data)


def _built() -> Path:
    sources = sorted(_HERE.iterdir())
    compiler = run([f"{PREFIX}gcc", "--version"]).splitlines()[0]
    key = cache.digest(
        compiler, " ".join(_FLAGS), config.header(), *(path.read_bytes() for path in sources)
    )
    return cache.entry("test-kernel", key, _build)


def _build(folder: Path) -> None:
    (folder / "config.h").write_text(config.header() + "\n")
    elf = folder / "payload.elf"
    sources = [str(path) for path in sorted(_HERE.iterdir()) if path.suffix in (".c", ".S")]
    run([f"{PREFIX}gcc", *_FLAGS, f"-I{folder}", f"-I{_HERE}", "-T", str(_HERE / "payload.lds"),
         *sources, "-o", str(elf)])  # fmt: skip
    run([f"{PREFIX}objcopy", "-O", "binary", str(elf), str(folder / "payload.bin")])

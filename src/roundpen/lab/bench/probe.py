# SPDX-License-Identifier: BSD-2-Clause
"""The probe (probe.S): build it, tell it what to do."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from roundpen import cache
from roundpen.contract import layout
from roundpen.errors import UserError
from roundpen.lab.firmware.build import PREFIX, compiler, run

TABLE = 0x100
TARGETS = 8
NAME = 512
DEFINES: dict[str, int] = {
    "PROBE_TABLE": TABLE,
    "PROBE_TARGETS": TARGETS,
    "PROBE_NAME": NAME,
    "PROBE_REGION": layout.RESERVED_SIZE,
    "PROBE_LOGBOOK": layout.LOGBOOK_OFFSET,
    "PROBE_MAGIC": int.from_bytes(layout.LOGBOOK_MAGIC, "little"),
}


def binary() -> bytes:
    """The probe as an arm64 Image with an empty table.

    Raises MachineError when there is no cross compiler.
    """
    source = resources.files(__package__).joinpath("probe.S").read_bytes()
    defines = [f"-D{name}={value:#x}" for name, value in DEFINES.items()]

    def make(folder: Path) -> None:
        text, elf = folder / "probe.S", folder / "probe.elf"
        text.write_bytes(source)
        run([f"{PREFIX}gcc", "-march=armv8-a", "-nostdlib", "-static", "-Wl,--build-id=none",
             "-Wl,-Ttext=0", *defines, str(text), "-o", str(elf)])  # fmt: skip
        run([f"{PREFIX}objcopy", "-O", "binary", "-j", ".text", str(elf), f"{folder}/probe.bin"])

    folder = cache.entry("probe", cache.digest(compiler(), source, *defines), make)
    return (folder / "probe.bin").read_bytes()


def filled(image: bytes, targets: Sequence[int], region: Path, *, door: int = 0) -> bytes:
    """`image` told which CPUs (MPIDR) to call for, and where to save the pen's region.

    With the offset of a return entry in the region (`door`), `targets` are the offsets of the
    CPUs' release words in it, and nobody is called.

    Raises UserError when that is more than its table holds.
    """
    name = str(region).encode()
    if len(targets) > TARGETS or len(name) >= NAME:
        raise UserError(
            f"probe: {len(targets)} targets and a path of {len(name)} bytes; its table holds "
            f"{TARGETS} and {NAME - 1}"
        )
    table = struct.pack(f"<QQQ{TARGETS}Q{NAME}s", len(targets), len(name), door,
                        *targets, *[0] * (TARGETS - len(targets)), name)  # fmt: skip
    return image[:TABLE] + table + image[TABLE + len(table) :]

# SPDX-License-Identifier: BSD-2-Clause
"""The module's own reading and editing of a tree (module/tree_*.c), compiled for this host.

With the address and undefined-behaviour sanitizers, as one process that answers question after
question: a fault in it ends the test that asked.
"""

from __future__ import annotations

import os
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import IO

from roundpen import cache
from roundpen.contract import header
from roundpen.contract.layout import RESERVED_SIZE, RESIDENT_RETURN, SLOT_OFFSET, SLOT_SIZE
from tests.pen.harness import pen_build
from tests.unit.pen_survey import compiler

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "module"
HOST = Path(__file__).with_name("module_host")
SOURCES = ("tree_read", "tree_check", "tree_edit")
LIBFDT = ("fdt", "fdt_ro", "fdt_rw", "fdt_wip", "fdt_check")
_CHECK, _EDIT = 0, 1


@dataclass(frozen=True)
class Cpu:
    """A CPU of the pen: MPIDR, physical addresses of its release word and its return entry."""

    mpidr: int
    release_word: int
    return_entry: int


@dataclass(frozen=True)
class Pen:
    """struct roundpen_pen, as far as a tree says it."""

    base: int
    cpus: tuple[Cpu, ...]
    size: int = RESERVED_SIZE
    made: bool = True
    ours: bool = True


def pen_at(base: int, mpidrs: tuple[int, ...] = (0, 1, 2, 3)) -> Pen:
    """A pen of ours for those CPUs, slots in their order."""
    return Pen(
        base,
        tuple(
            Cpu(mpidr, base + SLOT_OFFSET + number * SLOT_SIZE, base + RESIDENT_RETURN)
            for number, mpidr in enumerate(mpidrs)
        ),
    )


def wrong_with(tree: bytes, pen: Pen) -> str | None:
    """What tree_check.c refuses the tree for; None when it passes."""
    return _ask(_CHECK, tree, pen).decode() or None


def edited(tree: bytes, pen: Pen) -> bytes | None:
    """The tree with the pen in it, by tree_edit.c; None when it answers an error."""
    return _ask(_EDIT, tree, pen) or None


def _ask(what: int, tree: bytes, pen: Pen) -> bytes:
    process = _process()
    assert process.stdin
    assert process.stdout
    flags = (1 if pen.made else 0) | (2 if pen.ours else 0)
    process.stdin.write(
        struct.pack("<IIQQII", what, flags, pen.base, pen.size, len(pen.cpus), len(tree))
    )
    for cpu in pen.cpus:
        process.stdin.write(struct.pack("<QQQ", cpu.mpidr, cpu.release_word, cpu.return_entry))
    process.stdin.write(tree)
    process.stdin.flush()
    (size,) = struct.unpack("<I", _exactly(process.stdout, 4))
    return _exactly(process.stdout, size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        _process.cache_clear()
        raise AssertionError("the module's tree code ended: a sanitizer's report stands above")
    return data


@once
def _process() -> subprocess.Popen[bytes]:
    return subprocess.Popen([program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@once
def program() -> Path:
    """The compiled program; made once for each state of the sources."""
    libfdt = pen_build().libfdt()
    files = [*(MODULE / f"{name}.c" for name in SOURCES), Path(__file__).with_suffix(".c")]
    headers = [MODULE / "roundpen.h", MODULE / "tree.h", *HOST.rglob("*.h")]
    texts = [path.read_text() for path in (*files, *headers)]

    def make(folder: Path) -> None:
        (folder / "contract.h").write_text(header.render())
        command = [
            compiler() or "cc", "-O1", "-g", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
            "-Wno-sign-compare", "-Wno-unused-parameter",
            "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
            "-I", str(MODULE), "-I", str(HOST), "-I", str(folder), "-I", str(libfdt),
            "-o", str(folder / "tree"),
            *map(str, files), *(str(libfdt / f"{name}.c") for name in LIBFDT),
        ]  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="roundpen-") as scratch:
            environment = {**os.environ, "TMPDIR": scratch}
            subprocess.run(command, check=True, capture_output=True, text=True, env=environment)

    key = cache.digest(*texts, header.render(), compiler() or "cc")
    return cache.entry("module-on-host", key, make) / "tree"

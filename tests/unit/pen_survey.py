# SPDX-License-Identifier: BSD-2-Clause
"""What the pen reads in a tree, beside what `check` reads: the pen's own C, run on this host.

`python -m tests.unit.pen_survey board.dtb --boot-id 0` prints both. docs/reading.md says what is
compared; test_reading_compared.py does it, and tests/trees asks Linux itself.
"""

from __future__ import annotations

import argparse
import ctypes
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path

import libfdt

from roundpen import cache
from roundpen.check import Board, survey
from roundpen.check.refusing import has_slot, refusal
from roundpen.contract import header
from roundpen.contract.layout import SLOT_MAX, Offer, Refusal
from roundpen.devicetree import Outline
from tests.pen.harness import pen_build

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "pen" / "boot"
SOURCES = ("reading", "survey", "look", "room", "facts", "means", "idle", "rewrite")
LIBFDT = ("fdt", "fdt_ro", "fdt_rw", "fdt_wip")
REGION = 0x4020_0000
"""Where a rewritten tree says that the pen is; in RAM of no tree in particular."""
NOBODY = (1 << 64) - 1


@dataclass(frozen=True)
class CpuAnswer:
    """A CPU that has a slot. `word` 0: none was looked for."""

    id: int
    out_of_use: bool
    word: int


@dataclass(frozen=True)
class Answer:
    """Every question that both sides answer. What a refusal leaves unasked is empty."""

    refusal: Refusal
    cpus: tuple[CpuAnswer, ...] = ()
    boot: int | None = None
    """The boot CPU's id."""
    psci: str | None = None
    """The node that Linux looks at for PSCI, enabled or not; the offer return does not ask."""


class _Answer(ctypes.Structure):
    """struct answer of pen_survey.c."""

    _fields_ = (
        ("mpidr", ctypes.c_uint64 * SLOT_MAX),
        ("release", ctypes.c_uint64 * SLOT_MAX),
        ("out_of_use", ctypes.c_uint8 * SLOT_MAX),
        ("cpu_count", ctypes.c_uint32),
        ("boot_cpu", ctypes.c_uint32),
        ("psci_node", ctypes.c_int32),
    )


def compiler() -> str | None:
    """The host's C compiler."""
    return shutil.which("cc") or shutil.which("gcc")


@once
def library() -> ctypes.CDLL:
    """The pen's reading as a library for this host; compiled once for each state of the sources."""
    sources = pen_build().libfdt()
    files = [
        *(BOOT / f"{name}.c" for name in SOURCES),
        Path(__file__).with_suffix(".c"),
    ]
    texts = [
        path.read_text()
        for path in (*files, BOOT / "boot.h", ROOT / "pen" / "include" / "resident.h")
    ]

    def make(folder: Path) -> None:
        (folder / "contract.h").write_text(header.render())
        command = [
            compiler() or "cc", "-shared", "-fPIC", "-O1", "-g", "-std=gnu11", "-fno-builtin",
            "-fsanitize=undefined", "-fno-sanitize=alignment", "-fno-sanitize-recover=all",
            "-DFDT_ASSUME_MASK=7", "-include", "string.h",
            "-I", str(BOOT), "-I", str(ROOT / "pen" / "include"), "-I", str(folder),
            "-I", str(sources), "-o", str(folder / "pen.so"),
            *map(str, files), *(str(sources / f"{name}.c") for name in LIBFDT),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, text=True)

    key = cache.digest(*texts, header.render(), compiler() or "cc")
    return ctypes.CDLL(str(cache.entry("pen-on-host", key, make) / "pen.so"))


def pen(tree: bytes, boot_id: int, offer: Offer = Offer.PSCI) -> Answer:
    """The pen's answer, entered on the CPU `boot_id` with a tree that libfdt has accepted."""
    found, reason = _survey(tree, boot_id, offer)
    if reason is not Refusal.NONE:
        return Answer(reason)
    cpus = tuple(
        CpuAnswer(found.mpidr[number], bool(found.out_of_use[number]), found.release[number])
        for number in range(found.cpu_count)
    )
    node = found.psci_node
    path = None if node < 0 else libfdt.Fdt(tree).get_path(node)
    return Answer(reason, cpus, cpus[found.boot_cpu].id, path)


def _survey(tree: bytes, boot_id: int, offer: Offer) -> tuple[_Answer, Refusal]:
    found = _Answer()
    code = library().pen_survey(
        _aligned(tree), ctypes.c_uint64(boot_id), ctypes.c_uint32(offer), ctypes.byref(found)
    )
    return found, Refusal(code)


def _aligned(tree: bytes) -> ctypes.Array[ctypes.c_uint64]:
    """The pen is promised a tree at a multiple of 8."""
    buffer = (ctypes.c_uint64 * (len(tree) // 8 + 2))()
    ctypes.memmove(buffer, tree, len(tree))
    return buffer


def checked(tree: bytes, boot_id: int, offer: Offer = Offer.PSCI) -> tuple[Answer, Board]:
    """The answer of `check`, and all else that it reads."""
    outline = Outline(tree)
    board = survey(outline, boot_id)
    reason = refusal(board, offer)
    if reason is not Refusal.NONE or board.boot is None:
        return Answer(reason), board
    cpus = tuple(
        CpuAnswer(
            cpu.hwid or 0,
            cpu.failed,
            0 if cpu.failed or cpu.is_boot else cpu.word or 0,
        )
        for cpu in board.cpus
        if has_slot(cpu)
    )
    asked = offer is Offer.PSCI and board.psci
    return Answer(reason, cpus, board.boot.hwid, board.psci[0].path if asked else None), board


def rewritten(
    tree: bytes, boot_id: int, offer: Offer = Offer.PSCI, failed: int = NOBODY
) -> bytes | None:
    """The tree that the pen would hand over; None when it steps aside.

    `failed`: the id of a CPU that the gather did without.
    """
    found, reason = _survey(tree, boot_id, offer)
    if reason is not Refusal.NONE:
        return None
    result = ctypes.c_void_p()
    code = library().pen_rewrite(
        _aligned(tree), ctypes.c_uint32(offer), found.psci_node, ctypes.c_uint64(REGION),
        ctypes.c_uint64(failed), ctypes.byref(result),
    )  # fmt: skip
    if code or not result.value:
        return None
    head = ctypes.string_at(result.value, 8)
    return ctypes.string_at(result.value, int.from_bytes(head[4:], "big"))


def main() -> None:
    """Both answers for one tree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("--boot-id", type=lambda text: int(text, 0), default=0)
    given = parser.parse_args()
    tree = given.tree.read_bytes()
    answer, board = checked(tree, given.boot_id)
    lines = [f"pen:   {pen(tree, given.boot_id)}", f"check: {answer}"]
    for cpu in board.cpus:
        why = cpu.excluded.value if cpu.excluded else "possible"
        lines.append(f"  {cpu.path}: number {cpu.number}, {why}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

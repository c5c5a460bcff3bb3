# SPDX-License-Identifier: BSD-2-Clause
"""What must not be in a program that runs on a Cortex-A53 with its MMU off, found in objdump's
listing of it.

Sources: Arm's Software Developers Errata Notice for the Cortex-A53 (835769, 843419), as binutils'
bfd/elfnn-aarch64.c puts them into code; Arm ARM, accesses to Device memory.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ADRP = "erratum 843419"
MULTIPLY = "erratum 835769"
SIMD = "a SIMD or floating-point register"
EXCLUSIVE = "an exclusive or atomic access"
ZERO = "DC ZVA"
UNALIGNED = "an access that is unaligned wherever its base is aligned"

_LINE = re.compile(r"\s*([0-9a-f]+):\t([0-9a-f]{8}) ?\t(\S+)(?:\t(.*))?")
_TARGET = re.compile(r"[0-9a-f]+ <[^>]*>")
_VECTOR = re.compile(r"(?<![\w#])(?:[vqdshbz]\d{1,2}|p\d{1,2}/[mz])\b")
_MEMORY = re.compile(r"(?:ld|st|prfm|prfum|swp|cas)")
_EXCLUSIVE = re.compile(
    r"(?:ld|st)[al]?xr[bh]?|(?:ld|st)[al]?xp|"
    r"(?:(?:ld|st)(?:add|clr|eor|set|smax|smin|umax|umin)|swp|casp?)(?:a|l|al)?[bh]?"
)
_ACCUMULATE = ("madd", "msub", "smaddl", "smsubl", "umaddl", "umsubl")
_BRANCH = re.compile(r"b(?:\..*|l|r|lr)?|cbn?z|tbn?z|ret|eret|svc|hvc|smc|brk|hlt|udf")
_REGISTER = re.compile(r"\b[wx](?:\d+|zr)\b")


@dataclass(frozen=True)
class Instruction:
    """One line of the listing. `at`: the address that it is linked for, bytes."""

    at: int
    word: int
    name: str
    operands: str

    @property
    def is_memory(self) -> bool:
        """A load, a store or a prefetch."""
        return _MEMORY.match(self.name) is not None

    @property
    def registers(self) -> list[str]:
        """General registers in the order of the operands, as their 64-bit names."""
        return ["x" + one[1:] for one in _REGISTER.findall(self.operands)]

    @property
    def base(self) -> str:
        """The register that an address begins with."""
        found = re.search(r"\[(\w+)", self.operands)
        return found[1] if found else ""


@dataclass(frozen=True)
class Finding:
    """What was found where."""

    what: str
    instruction: Instruction

    def __str__(self) -> str:
        """For the message of a test."""
        one = self.instruction
        return f"{one.at:#x}: {one.name} {one.operands}: {self.what}"


def listing(program: Path, prefix: str) -> list[Instruction]:
    """The instructions of an ELF file. Data is left out by its mapping symbols."""
    command = [f"{prefix}objdump", "-d", "-M", "no-aliases", str(program)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line.partition("\t//")[0].rstrip())
        if match and not match[3].startswith("."):
            found.append(
                Instruction(int(match[1], 16), int(match[2], 16), match[3], match[4] or "")
            )
    return found


def scan(code: list[Instruction]) -> Iterator[Finding]:
    """Everything that must not be there."""
    for number, one in enumerate(code):
        following = code[number + 1 : number + 4]
        if _is_843419(one, following):
            yield Finding(ADRP, one)
        if one.is_memory and following and _is_835769(one, following[0]):
            yield Finding(MULTIPLY, following[0])
        if _VECTOR.search(_TARGET.sub("", one.operands)):
            yield Finding(SIMD, one)
        if _EXCLUSIVE.fullmatch(one.name):
            yield Finding(EXCLUSIVE, one)
        # DC ZVA, GVA, GZVA.
        if one.word & ~0x1F in (0xD50B7420, 0xD50B7460, 0xD50B7480):
            yield Finding(ZERO, one)
        if one.is_memory and _is_unaligned(one):
            yield Finding(UNALIGNED, one)


def _is_843419(adrp: Instruction, following: list[Instruction]) -> bool:
    """ADRP in the last two words of a page; a memory access; perhaps one that is no branch; an
    access by an unsigned offset from the register that ADRP wrote.
    """
    if adrp.name != "adrp" or adrp.at & 0xFFF not in (0xFF8, 0xFFC):
        return False
    if len(following) < 2 or not following[0].is_memory:
        return False
    page = adrp.registers[0]
    users = following[1:2] if _BRANCH.fullmatch(following[1].name) else following[1:3]
    return any(
        one.is_memory and one.base == page and one.operands.rstrip()[-1] == "]" for one in users
    )


def _is_835769(memory: Instruction, accumulate: Instruction) -> bool:
    """A 64-bit multiply-accumulate behind a memory access whose result it does not wait for."""
    if accumulate.name not in _ACCUMULATE or accumulate.operands[:1] != "x":
        return False
    sources = accumulate.registers[1:]
    if sources[-1] == "xzr":
        return False
    loaded = memory.registers[:1] if memory.name.startswith("ld") else []
    return not set(loaded) & set(sources)


def _size(one: Instruction) -> int:
    """Bytes of an access, or of one element of a pair."""
    if one.name.endswith("b"):
        return 1
    if one.name.endswith("h"):
        return 2
    return 4 if one.name.endswith("sw") or one.operands[:1] == "w" else 8


def _is_unaligned(one: Instruction) -> bool:
    if one.name.startswith("prf") or "[" not in one.operands:
        return False
    numbers = re.findall(r"#(-?\d+)(?![\w])", one.operands.partition("[")[2])
    if re.search(r"(?:lsl|sxtw|uxtw|sxtx)", one.operands):
        return False
    return any(int(number) % _size(one) for number in numbers)

# SPDX-License-Identifier: BSD-2-Clause
"""What Unicorn 2.1.4 lacks: system instructions of EL2, and a register file for them. Pure.

Encodings: Arm ARM DDI 0487, C4.1.86 ("Branches, Exception Generating and System
instructions") and D19 (System registers).
"""

from __future__ import annotations

from enum import Enum, auto

ERET = 0xD69F03E0
HVC_0 = 0xD4000002


class Hint(Enum):
    """System instructions that are neither a register's nor an address translation's."""

    NOTHING = auto()
    WFE = auto()
    WFI = auto()
    SEV = auto()
    BARRIER = auto()
    """DMB, DSB."""


def register(op0: int, op1: int, crn: int, crm: int, op2: int) -> int:
    """A register's number as bits 20:5 of MSR and MRS have it."""
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2


CURRENT_EL = register(3, 0, 4, 2, 2)
MPIDR_EL1 = register(3, 0, 0, 0, 5)
SCTLR_EL1 = register(3, 0, 1, 0, 0)
TTBR0_EL1 = register(3, 0, 2, 0, 0)
VBAR_EL1 = register(3, 0, 12, 0, 0)
ID_AA64DFR0_EL1 = register(3, 0, 0, 5, 0)
SCTLR_EL2 = register(3, 4, 1, 0, 0)
HCR_EL2 = register(3, 4, 1, 1, 0)
VTTBR_EL2 = register(3, 4, 2, 1, 0)
SPSR_EL2 = register(3, 4, 4, 0, 0)
ELR_EL2 = register(3, 4, 4, 0, 1)
ESR_EL2 = register(3, 4, 5, 2, 0)
VBAR_EL2 = register(3, 4, 12, 0, 0)
TPIDR_EL2 = register(3, 4, 13, 0, 2)
CNTPCT_EL0 = register(3, 3, 14, 0, 1)
CNTVCT_EL0 = register(3, 3, 14, 0, 2)
CNTP_CTL_EL0 = register(3, 3, 14, 2, 1)
CNTV_CTL_EL0 = register(3, 3, 14, 3, 1)
TLB = -1
"""Not a register: 1 while the TLB may hold translations of the kernel that ran here."""

_NZCV = register(3, 3, 4, 2, 0)
_TLBI_ALL = {register(1, 4, 8, 7, 4): 2, register(1, 0, 8, 7, 0): 1}
"""TLBI ALLE1 and VMALLE1: local, everything of EL1; and the level that may say so."""

NAMES = {
    SCTLR_EL1: "SCTLR_EL1", VBAR_EL1: "VBAR_EL1", SCTLR_EL2: "SCTLR_EL2", HCR_EL2: "HCR_EL2",
    VTTBR_EL2: "VTTBR_EL2", VBAR_EL2: "VBAR_EL2", CNTP_CTL_EL0: "CNTP_CTL_EL0",
    CNTV_CTL_EL0: "CNTV_CTL_EL0", TLB: "the TLB",
}  # fmt: skip


def is_system(word: int) -> bool:
    """Whether an instruction is of the system class, which never goes to Unicorn."""
    return word & 0xFFC0_0000 == 0xD500_0000


def is_memory(word: int) -> bool:
    """Whether it is of the class "Loads and Stores" (op0 = x1x0)."""
    return word >> 25 & 0b0101 == 0b0100


def branch_register(word: int) -> int | None:
    """The register that BR branches to; None: another instruction."""
    return word >> 5 & 0x1F if word & 0xFFFF_FC1F == 0xD61F_0000 else None


def hint(word: int) -> Hint | None:
    """What a system instruction that names no register does; None: it names one."""
    named = {0xD503205F: Hint.WFE, 0xD503207F: Hint.WFI, 0xD503209F: Hint.SEV}
    if word in named:
        return named[word]
    if word & 0xFFFF_F01F == 0xD503_301F:
        # ISB and CLREX order no stores.
        return Hint.BARRIER if word >> 5 & 7 in (4, 5) else Hint.NOTHING
    # Other hints; MSR (immediate): DAIFSet, SPSel.
    if word & 0xFFFF_F01F == 0xD503_201F or word & 0xFFF8_F01F == 0xD500_401F:
        return Hint.NOTHING
    return None


class Undefined(Exception):
    """The instruction has no meaning at this level or in this register file."""


def read(word: int, file: dict[int, int], level: int, affinity: int) -> int:
    """What MRS reads. Raises Undefined.

    ID registers that nobody set read as 0: a CPU of Armv8.0 with a PMU and nothing else. The
    counter stands still: no path of the resident part that the search runs depends on it.
    """
    number = _checked(word, level)
    fixed = {
        CURRENT_EL: level << 2,
        MPIDR_EL1: 1 << 31 | affinity,
        ID_AA64DFR0_EL1: 1 << 8,
        CNTPCT_EL0: 0x1000,
        CNTVCT_EL0: 0x1000,
    }
    return fixed[number] if number in fixed else file.get(number, 0)


def write(word: int, value: int, file: dict[int, int], level: int) -> None:
    """MSR (register), SYS: into `file`. Raises Undefined."""
    number = _checked(word, level)
    if number >> 14 in (0, 1):
        _operate(number, file, level)
        return
    file[number] = value


def _operate(number: int, file: dict[int, int], level: int) -> None:
    needs = _TLBI_ALL.get(number)
    # With translation still on, a walk could fill it again at once.
    if needs is not None and level >= needs and not file.get(SCTLR_EL1, 0) & 1:
        file.pop(TLB, None)


def _checked(word: int, level: int) -> int:
    number = word >> 5 & 0xFFFF
    if number >> 11 & 7 == 4 and level < 2:
        raise Undefined(f"a register of EL2 at EL{level}")
    if number == _NZCV:
        raise Undefined("a register that the interpreter keeps itself")
    return number


def is_el2(number: int) -> bool:
    """Whether a register is EL2's by its encoding (op1 = 4)."""
    return number > 0 and number >> 11 & 7 == 4


def is_read(word: int) -> bool:
    """MRS, as against MSR and SYS (bit L)."""
    return bool(word >> 21 & 1)

# SPDX-License-Identifier: BSD-2-Clause
"""What a kernel leaves in a CPU, and what must be gone of it when the CPU is parked. Pure.

The clauses: docs/contract.md, F3 and F4; for `psci` also pen/resident/rest.S.
"""

from __future__ import annotations

from roundpen.contract.layout import Offer
from roundpen.proof.bytes import system, words

_MMU = 1
_EL2_RW = 1 << 31
_E2H = 1 << 34
_VM = 1

KERNEL_AT_EL1: dict[int, int] = {
    system.SCTLR_EL1: 0x3474_D91D,
    system.TTBR0_EL1: 0x5000_0000,
    system.VBAR_EL1: 0x8001_0800,
    system.CNTP_CTL_EL0: 1,
    system.CNTV_CTL_EL0: 1,
    system.TLB: 1,
}
"""MMU on, vectors of its own, timers running, translations in the TLB."""

KERNEL_AT_EL2: dict[int, int] = KERNEL_AT_EL1 | {
    system.SCTLR_EL2: 0x3474_D91D,
    system.HCR_EL2: _EL2_RW | _E2H | _VM,
    system.VTTBR_EL2: 0x5100_0000,
    system.VBAR_EL2: 0x8001_0800,
    system.TPIDR_EL2: 0xDEAD_0000,
}
"""A kernel with a host and a guest; it switches its own MMU off before it leaves."""


def problem(file: dict[int, int], level: int, offer: Offer) -> str:
    """What of the kernel's is still there, in words; "" when nothing is.

    Timers are the kernel's business under `return` (Return, step 1), the pen's under `psci`.
    """
    if level == 2:
        wrong = _problem_at_el2(file)
    else:
        wrong = "" if file.get(system.VBAR_EL1) == words.BASE else "VBAR_EL1 is not the pen's"
    if wrong:
        return wrong
    if file.get(system.SCTLR_EL1, 0) & _MMU:
        return "SCTLR_EL1.M is 1"
    if file.get(system.TLB):
        return "the TLB still has the kernel's translations"
    timers = file.get(system.CNTP_CTL_EL0, 0) | file.get(system.CNTV_CTL_EL0, 0)
    return "a timer is still running" if offer is Offer.PSCI and timers & 1 else ""


def _problem_at_el2(file: dict[int, int]) -> str:
    if file.get(system.VBAR_EL2) != words.BASE:
        return "VBAR_EL2 is not the pen's"
    if file.get(system.SCTLR_EL2, 0) & _MMU:
        return "SCTLR_EL2.M is 1"
    if file.get(system.HCR_EL2, 0) & (_E2H | _VM):
        return f"HCR_EL2 is {file[system.HCR_EL2]:#x}"
    if file.get(system.VTTBR_EL2, 0):
        return "VTTBR_EL2 points to a table"
    return ""

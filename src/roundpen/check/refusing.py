# SPDX-License-Identifier: BSD-2-Clause
"""Why the pen would step aside on a board, in the words and the order of the pen itself.

The same question as survey() in pen/boot/survey.c, over what reading.py gave; the two are compared
by tests/unit/test_reading_compared.py. What only the machine knows is not asked here: the entry
level, a live pen, the memory behind the Image, HCR_EL2.
"""

from __future__ import annotations

from roundpen.check.board import MPIDR_AFFINITY, WORD_SIZE, Board, Cpu, ReleaseState
from roundpen.contract.layout import SLOT_MAX, TREE_MAX, Offer, Refusal


def refusal(board: Board, offer: Offer = Offer.PSCI) -> Refusal:
    """The pen's reason; NONE when it would go to work."""
    if board.size > TREE_MAX:
        return Refusal.TREE_BAD
    reason = _cpus(board)
    if reason is not Refusal.NONE:
        return reason
    if any(trouble.path == "/" and trouble.prop == "#address-cells" for trouble in board.troubles):
        return Refusal.CELLS_BAD
    if board.reservations_ignored is not None:
        return Refusal.RESERVATIONS_IGNORED
    if offer is Offer.PSCI and board.psci and board.psci[0].path == "/":
        return Refusal.PSCI_PRESENT
    if offer is Offer.PSCI and any(gic.version == 5 for gic in board.gics):
        return Refusal.GIC_V5
    return Refusal.NONE


def _cpus(board: Board) -> Refusal:
    if board.id_cells is not None and board.id_cells not in (1, 2):
        return Refusal.CELLS_BAD
    first = Refusal.NONE
    seen: set[int | None] = set()
    for cpu in filter(has_slot, board.cpus):
        if cpu.hwid in seen:
            return Refusal.DUPLICATE_CPU
        if len(seen) == SLOT_MAX:
            return Refusal.TOO_MANY_CPUS
        seen.add(cpu.hwid)
        if first is Refusal.NONE:
            first = _one(cpu)
    if board.boot is None:
        return Refusal.BOOT_CPU_UNKNOWN
    if not any(has_slot(cpu) and not cpu.is_boot and not cpu.failed for cpu in board.cpus):
        return Refusal.NO_SECONDARIES
    if any(cpu.read_at != cpu.path for cpu in board.cpus):
        return Refusal.DUPLICATE_CPU
    return first


def has_slot(cpu: Cpu) -> bool:
    """Does the pen keep a place for it? Not for one with an id that no CPU can have."""
    return cpu.hwid is not None and not cpu.hwid & ~MPIDR_AFFINITY


def _one(cpu: Cpu) -> Refusal:
    if cpu.is_boot or cpu.failed:
        return Refusal.NONE
    if cpu.method == "psci":
        return Refusal.PSCI_PRESENT
    if not cpu.spins:
        return Refusal.NOT_SPIN_TABLE
    if cpu.release_state is not ReleaseState.USABLE or (cpu.word or 0) % WORD_SIZE:
        return Refusal.RELEASE_WORD_BAD
    return Refusal.NONE

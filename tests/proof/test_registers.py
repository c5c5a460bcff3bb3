# SPDX-License-Identifier: BSD-2-Clause
"""Which system registers the shipped code writes, in which order, for which CPU: what no emulator
here has (SPE, a trace buffer, an event stream that wakes, caches) and what it would not show.

The code runs in Unicorn; system instructions are taken out of its stream, as in
roundpen.proof.bytes, and each is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from roundpen.contract import layout
from roundpen.contract.layout import Offer
from roundpen.image.wrap import pen_binary
from roundpen.proof.bytes import binary, system, words
from tests.pen.harness import pen_build
from tests.unit.check_boards import dtb

register = system.register
CPTR_EL2 = register(3, 4, 1, 1, 2)
SVCR = register(3, 3, 4, 2, 2)
CNTKCTL_EL1 = register(3, 0, 14, 1, 0)
CNTHCTL_EL2 = register(3, 4, 14, 1, 0)
ID_AA64PFR1_EL1 = register(3, 0, 0, 4, 1)
PMBIDR_EL1, TRBIDR_EL1 = register(3, 0, 9, 10, 7), register(3, 0, 9, 11, 7)
PMSCR_EL1, PMBLIMITR_EL1 = register(3, 0, 9, 9, 0), register(3, 0, 9, 10, 0)
TRFCR_EL1, TRBLIMITR_EL1 = register(3, 0, 1, 2, 1), register(3, 0, 9, 11, 0)
PMSCR_EL2, TRFCR_EL2 = register(3, 4, 9, 9, 0), register(3, 4, 1, 2, 1)
MDCR_EL2 = register(3, 4, 1, 1, 1)
BRBCR_EL2 = register(2, 4, 9, 0, 0)
PROFILING = {PMSCR_EL1, PMBLIMITR_EL1, PMSCR_EL2}
TRACE = {TRFCR_EL1, TRBLIMITR_EL1, TRFCR_EL2}
OWNED_BY_ANOTHER = 1 << 4
_A, _I, _M, _C = 1 << 1, 1 << 12, 1 << 0, 1 << 2
_WFE, _RET = 0xD503205F, 0xD65F03C0
_CIVAC = register(1, 3, 7, 14, 1)
_IALLU = register(1, 0, 7, 5, 0)
_LIMIT = 3_000_000


@dataclass
class Machine:
    """A CPU of that level over `memory`; `file`: its system registers; `written`: in order."""

    level: int
    file: dict[int, int] = field(default_factory=dict)
    written: list[tuple[int, int]] = field(default_factory=list)
    maintained: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """An empty machine."""
        unicorn = pytest.importorskip("unicorn", reason="roundpen[prove] is not installed")
        from unicorn import arm64_const as numbers

        self.uc: Any = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        self._x = [numbers.UC_ARM64_REG_X0 + number for number in range(29)]
        self._x += [numbers.UC_ARM64_REG_X29, numbers.UC_ARM64_REG_X30]
        self.sp, self.pc = numbers.UC_ARM64_REG_SP, numbers.UC_ARM64_REG_PC

    def run(self, start: int, done: Callable[[int, int], bool]) -> int:
        """From `start` to the system instruction or address at which `done` says so; where."""
        at = start
        for _ in range(_LIMIT):
            word = int.from_bytes(self.uc.mem_read(at, 4), "little")
            if done(at, word):
                return at
            if system.is_system(word):
                self._system(word)
                at += 4
                continue
            self.uc.emu_start(at, 0, count=1)
            at = self.uc.reg_read(self.pc)
        raise AssertionError(f"no end at {at:#x}")

    def _system(self, word: int) -> None:
        if system.hint(word) is not None:
            return
        number, at = word & 0x1F, word >> 5 & 0xFFFF
        if system.is_read(word):
            fixed = {system.CURRENT_EL: self.level << 2, register(3, 3, 0, 0, 1): 0x84448004}
            value = fixed.get(at, self.file.get(at, 0))
            if number != 31:
                self.uc.reg_write(self._x[number], value)
            return
        value = 0 if number == 31 else self.uc.reg_read(self._x[number])
        if at == _CIVAC:
            self.maintained.add(value // 64)
        self.written.append((at, value))
        self.file[at] = value

    def writes(self, number: int) -> list[int]:
        """What was written to a register, in order."""
        return [value for at, value in self.written if at == number]


def resident(machine: Machine, offer: Offer = Offer.PSCI) -> dict[str, int]:
    """Put the region into the machine; its symbols, as addresses."""
    found = binary.read(pen_build().build() / "resident.elf")
    area = words.region(2, offer, machine.level)
    machine.uc.mem_map(words.BASE, layout.RESERVED_SIZE)
    machine.uc.mem_write(words.BASE, words.fill(area, found.code))
    machine.uc.reg_write(machine.sp, words.BASE + layout.STACK_OFFSET + layout.STACK_SIZE)
    machine.file[system.MPIDR_EL1] = words.mpidr(0)
    return {name: words.BASE + offset for offset, name in found.symbols}


def call(machine: Machine, address: int) -> None:
    """Run a function of the resident part until it returns."""
    machine.uc.reg_write(machine._x[30], 0)
    machine.run(address, lambda at, word: word == _RET and not machine.uc.reg_read(machine._x[30]))


def a_cpu_with_buffers(*owned: int) -> dict[int, int]:
    """ID registers of a CPU that has SPE, a trace buffer, trace filters and BRBE."""
    return {
        system.ID_AA64DFR0_EL1: 1 << 8 | 1 << 32 | 1 << 40 | 1 << 44 | 1 << 52,
        **dict.fromkeys(owned, OWNED_BY_ANOTHER),
    }


@pytest.mark.parametrize("routine", ["rest_el1", "open_el1"])
@pytest.mark.parametrize("owned", [(), (PMBIDR_EL1,), (TRBIDR_EL1,), (PMBIDR_EL1, TRBIDR_EL1)])
def test_buffers_of_another_are_left_alone(routine: str, owned: tuple[int, ...]) -> None:
    """Linux's __init_el2_debug: where EL3 has kept them, each access is a trap to it."""
    machine = Machine(2, a_cpu_with_buffers(*owned))
    call(machine, resident(machine)[routine])
    written = {at for at, _ in machine.written}
    level = {"rest_el1": 0, "open_el1": 4}[routine]
    for buffer, registers in ((PMBIDR_EL1, PROFILING), (TRBIDR_EL1, TRACE)):
        mine = {one for one in registers if one >> 11 & 7 == level}
        assert written & registers == (set() if buffer in owned else mine)
    assert BRBCR_EL2 not in written
    if routine == "open_el1":
        (mdcr,) = machine.writes(MDCR_EL2)
        assert bool(mdcr >> 24 & 3) == (TRBIDR_EL1 not in owned)


def test_streaming_mode_is_left_once_it_does_not_trap() -> None:
    """CPTR_EL2.TSM is UNKNOWN at reset; with it set, SVCR is an exception inside the pen."""
    machine = Machine(2, {ID_AA64PFR1_EL1: 1 << 24, CPTR_EL2: 0x37FF})
    call(machine, resident(machine)["rest_el1"])
    order = [at for at, _ in machine.written if at in (CPTR_EL2, SVCR)]
    assert order == [CPTR_EL2, SVCR]
    assert not machine.writes(CPTR_EL2)[0] & 1 << 12


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("door", ["arrive", "come_home"])
def test_parked(level: int, door: str) -> None:
    """An event stream is on; alignment is checked, fetches are cached, nothing else is."""
    machine = Machine(level, {CNTKCTL_EL1: 0x37})
    start = resident(machine, Offer.RETURN)[door]
    machine.run(start, lambda _, word: word == _WFE)
    stream, sctlr = (
        (CNTKCTL_EL1, system.SCTLR_EL1) if level == 1 else (CNTHCTL_EL2, system.SCTLR_EL2)
    )
    assert machine.file[stream] & 0xFF == 0xF4, "EVNTEN, bit 15 of the counter, upwards"
    assert machine.file[sctlr] & (_A | _I | _M | _C) == _A | _I
    order = [at for at, _ in machine.written]
    if door == "arrive":
        assert order.index(_IALLU) < order.index(sctlr), "what was there before the pen"
        if level == 2:
            assert machine.writes(CNTKCTL_EL1) == [0], "Linux's own stream is not relied upon"


@pytest.mark.parametrize("level", [1, 2])
def test_released_as_after_a_reset(level: int) -> None:
    """Out by `return`: no event stream, SCTLR of each level that is the kernel's at its RES1."""
    machine = Machine(level)
    symbols = resident(machine, Offer.RETURN)
    machine.run(symbols["arrive"], lambda _, word: word == _WFE)
    release = words.BASE + words.slot_offset(0, "release")
    machine.uc.mem_write(release, (0x8000_0000).to_bytes(8, "little"))
    machine.run(symbols["park_poll"], lambda at, word: system.branch_register(word) is not None)
    assert machine.file[system.SCTLR_EL1] == 0x30D0_0800
    assert machine.file[CNTKCTL_EL1 if level == 1 else CNTHCTL_EL2] == (0 if level == 1 else 3)
    if level == 2:
        assert machine.file[system.SCTLR_EL2] == 0x30C5_0830


IMAGE, TREE = 0x4020_0000, 0x4800_0000


@pytest.mark.parametrize("level", [1, 2])
def test_the_tree_is_cleaned_before_it_is_looked_at(level: int) -> None:
    """A loader owes us a clean kernel; of the tree booting.rst says nothing. Nor is an instruction
    cache trusted before it is turned on.
    """
    unicorn = pytest.importorskip("unicorn", reason="roundpen[prove] is not installed")
    machine = Machine(level)
    machine.uc.mem_map(IMAGE, 0x40_0000)
    machine.uc.mem_map(TREE, 0x1_0000)
    machine.uc.mem_write(IMAGE, pen_binary())
    machine.uc.mem_write(TREE, a_tree())
    machine.uc.reg_write(machine._x[0], TREE)
    read: list[int] = []

    def look(_uc: object, _kind: int, address: int, _size: int, _value: int, _data: object) -> None:
        if TREE <= address < TREE + 0x1_0000:
            read.append(address)
            assert address // 64 in machine.maintained, f"{address - TREE:#x} of the tree"

    machine.uc.hook_add(unicorn.UC_HOOK_MEM_READ, look)
    machine.run(IMAGE, lambda _at, _word: len(read) > 2000)
    order = [at for at, _ in machine.written]
    sctlr = system.SCTLR_EL1 if level == 1 else system.SCTLR_EL2
    assert machine.file[sctlr] & (_A | _I | _M | _C) == _A | _I
    assert order.index(_IALLU) < order.index(sctlr)


def a_tree() -> bytes:
    """A tree with enough to read."""
    return dtb({f"node{number}": {} for number in range(200)})

# SPDX-License-Identifier: BSD-2-Clause
"""One emulated CPU at a time, from one access to shared memory to the next, on Unicorn.

The thin edge: the only module that touches Unicorn. A CPU's state is a value (`Local`), so
that N CPUs share one emulator and any of them can be taken up again anywhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from roundpen.contract import layout
from roundpen.contract.layout import CpuState, Offer
from roundpen.proof.bytes import rest, system, words
from roundpen.proof.bytes.binary import Resident
from roundpen.proof.bytes.node import Served
from roundpen.proof.bytes.system import Hint

_LIMIT = 4000
"""Instructions between two steps. The longest way, through open_el1, has some 200."""
_X30, _SP, _PC, _NZCV = 30, 31, 32, 33


@dataclass(frozen=True, slots=True)
class Local:
    """All that is a CPU's own, inside the pen.

    `registers`: x0 to x30, SP, PC, NZCV. `file`: the system registers written so far. `stack`:
    the live bytes of its stack. `own`: the words of its slot that nobody else may touch.
    """

    registers: tuple[int, ...]
    level: int
    file: frozenset[tuple[int, int]]
    stack: bytes
    own: tuple[int, ...]
    served: Served | None = None

    @property
    def where(self) -> int:
        """PC as an offset in the region, bytes."""
        return self.registers[_PC] - words.BASE


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a CPU stopped: about to access `offset` (`value` None: a load), at a hint, on its way
    out to `entry`, or broken.
    """

    local: Local
    offset: int = -1
    value: int | None = None
    hint: Hint | None = None
    entry: int | None = None
    broken: str = ""
    text: str = ""


class _Broken(Exception):
    """The code did what no CPU in the pen may do: property and text."""


class Engine:
    """Executes the resident code. One for a search; `instructions` counts what was executed."""

    def __init__(self, resident: Resident, area: words.Region, *, barriers: bool = False) -> None:
        """`barriers`: DMB and DSB are steps. Raises ModuleNotFoundError without Unicorn."""
        import unicorn
        from unicorn import arm64_const as numbers

        self.resident, self.area = resident, area
        self.stopping = {Hint.WFE, Hint.WFI, Hint.SEV} | ({Hint.BARRIER} if barriers else set())
        self.instructions = 0
        self.checked: Counter[str] = Counter()
        """Per property of `monitor.PROPERTIES`: how often it was held against a CPU alone."""
        self._failure: type[Exception] = unicorn.UcError
        self._machine: Any = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        x = [numbers.UC_ARM64_REG_X0 + number for number in range(29)]
        x += [numbers.UC_ARM64_REG_X29, numbers.UC_ARM64_REG_X30, numbers.UC_ARM64_REG_SP]
        self._numbers = [*x, numbers.UC_ARM64_REG_PC, numbers.UC_ARM64_REG_NZCV]
        self._initial = words.fill(area, resident.code)
        self._machine.mem_map(words.BASE, layout.RESERVED_SIZE)
        self._machine.mem_write(words.BASE, self._initial)
        self._accesses: list[tuple[bool, int, int, int]] = []
        self._stores = unicorn.UC_MEM_WRITE
        kinds = unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE
        self._machine.hook_add(kinds, self._accessed)
        self._own = [words.own_offsets(cpu) for cpu in range(area.cpus)]

    def _accessed(
        self, _machine: object, kind: int, address: int, size: int, value: int, _data: object
    ) -> None:
        bits = (1 << 8 * size) - 1
        self._accesses.append((kind == self._stores, address - words.BASE, size, value & bits))

    def advance(self, cpu: int, local: Local, loaded: int | None = None) -> Stop:
        """Run `cpu` from `local` on to its next step.

        `local` is at a step that is taken now: a load gives `loaded`; of a hint the effect is
        the caller's. Fresh from outside (PC at a door or vector) it is at none.
        """
        run = _Run(self, cpu, local)
        self.checked["progress"] += 1
        self._restore(cpu, local)
        try:
            return run.go(loaded)
        except _Broken as broken:
            return Stop(run.snapshot(), broken=broken.args[0], text=broken.args[1])
        except self._failure as failure:
            text = f"exception ({failure})"
            return Stop(local, broken="no exception inside the pen", text=text)

    # --- for _Run -------------------------------------------------------------------------

    def _restore(self, cpu: int, local: Local) -> None:
        machine = self._machine
        machine.reg_write_batch(list(zip(self._numbers, local.registers, strict=True)))
        for (offset, name), value in zip(self._own[cpu].items(), local.own, strict=True):
            data = value.to_bytes(words.own_size(name), "little")
            machine.mem_write(words.BASE + offset, data)
        top = stack_top(cpu)
        machine.mem_write(top - layout.STACK_SIZE, bytes(layout.STACK_SIZE))
        machine.mem_write(top - len(local.stack), local.stack)

    def read_registers(self) -> tuple[int, ...]:
        """x0 to x30, SP, PC, NZCV."""
        return tuple(self._machine.reg_read_batch(self._numbers))

    def get(self, register: int) -> int:
        """One register by its place in `Local.registers`."""
        value: int = self._machine.reg_read(self._numbers[register])
        return value

    def put(self, register: int, value: int) -> None:
        """Write one register."""
        self._machine.reg_write(self._numbers[register], value)

    def memory(self, offset: int, size: int) -> bytes:
        """Bytes of the emulator's memory."""
        return bytes(self._machine.mem_read(words.BASE + offset, size))

    def preset(self, offset: int, value: int, size: int) -> None:
        """What the next load from `offset` gives."""
        self._machine.mem_write(words.BASE + offset, value.to_bytes(size, "little"))

    def step(self, at: int) -> list[tuple[bool, int, int, int]]:
        """Execute the instruction at offset `at`; its accesses: store?, offset, size, value."""
        self._accesses.clear()
        self._machine.emu_start(words.BASE + at, 0, count=1)
        self.instructions += 1
        self.checked["no exception inside the pen"] += 1
        return self._accesses

    def save(self) -> object:
        """The emulator's registers, to come back to."""
        return self._machine.context_save()

    def back_to(self, saved: object) -> None:
        """Undo what was executed since `saved`; memory stays."""
        self._machine.context_restore(saved)


def stack_top(cpu: int) -> int:
    """Address behind the CPU's stack."""
    return words.BASE + layout.STACK_OFFSET + (cpu + 1) * layout.STACK_SIZE


class _Run:
    """One CPU between two steps."""

    def __init__(self, engine: Engine, cpu: int, local: Local) -> None:
        self.engine, self.cpu, self.local = engine, cpu, local
        self.file = dict(local.file)
        self.own = dict(zip(engine._own[cpu].values(), local.own, strict=True))

    def snapshot(self) -> Local:
        registers = self.engine.read_registers()
        live = stack_top(self.cpu) - registers[_SP]
        if not 0 <= live <= layout.STACK_SIZE:
            live = 0
        top = stack_top(self.cpu) - words.BASE
        stack = self.engine.memory(top - live, live) if live else b""
        file = frozenset(self.file.items())
        own = tuple(self.own.values())
        return Local(registers, self.local.level, file, stack, own, self.local.served)

    def go(self, loaded: int | None) -> Stop:
        at = self.local.where
        pending = self.engine.resident.word(at)
        if loaded is not None or (system.is_memory(pending) and self._is_step(at)):
            self._take(at, loaded)
        elif system.is_system(pending) and system.hint(pending) in self.engine.stopping:
            self.engine.put(_PC, words.BASE + at + 4)
        for _ in range(_LIMIT):
            at = self.engine.get(_PC) - words.BASE
            if not 0 <= at < len(self.engine.resident.code):
                return Stop(self.snapshot(), entry=at + words.BASE)
            stop = self._instruction(at)
            if stop is not None:
                return stop
        raise _Broken("progress", f"{_LIMIT} instructions without an access to shared memory")

    def _is_step(self, at: int) -> bool:
        """Whether the instruction at `at` accesses a shared word (then it was stopped at)."""
        saved = self.engine.save()
        accesses = list(self.engine.step(at))
        self.engine.back_to(saved)
        return any(offset in self.engine.area.index for _, offset, _, _ in accesses)

    def _take(self, at: int, loaded: int | None) -> None:
        """Execute the access that was stopped at."""
        if loaded is not None:
            saved = self.engine.save()
            ((_, offset, size, _),) = list(self.engine.step(at))
            self.engine.back_to(saved)
            self.engine.preset(offset, loaded, size)
        self.engine.step(at)

    def _instruction(self, at: int) -> Stop | None:
        word = self.engine.resident.word(at)
        if word == system.ERET:
            return Stop(self.snapshot(), entry=self.file.get(system.ELR_EL2, 0))
        if system.is_system(word):
            return self._system(word, at)
        if not system.is_memory(word):
            self._plain(word, at)
            return None
        saved = self.engine.save()
        accesses = list(self.engine.step(at))
        shared = [one for one in accesses if one[1] in self.engine.area.index]
        if not shared:
            for one in accesses:
                self.engine.checked["own words"] += 1
                self._own_access(*one)
            return None
        self.engine.back_to(saved)
        if len(accesses) > 1:
            raise _Broken("own words", f"one instruction, {len(accesses)} accesses to memory")
        (store, offset, size, value) = accesses[0]
        name = self.engine.area.words[self.engine.area.index[offset]]
        if size != name.size:
            raise _Broken("own words", f"accesses {size} bytes of {name.name} ({name.size} bytes)")
        if store:
            self._check_store(name, value)
        return Stop(self.snapshot(), offset=offset, value=value if store else None)

    def _plain(self, word: int, at: int) -> None:
        target = system.branch_register(word)
        if target is None:
            self.engine.step(at)
        else:
            # It may leave the region, where Unicorn would fault at the fetch.
            self.engine.put(_PC, self.engine.get(target))

    def _system(self, word: int, at: int) -> Stop | None:
        hint = system.hint(word)
        if hint in self.engine.stopping:
            return Stop(self.snapshot(), hint=hint)
        self.engine.put(_PC, words.BASE + at + 4)
        if hint is not None:
            return None
        number = word & 0x1F
        try:
            if system.is_read(word):
                affinity = words.mpidr(self.cpu)
                value = system.read(word, self.file, self.local.level, affinity)
                if number != 31:
                    self.engine.put(number, value)
            else:
                value = 0 if number == 31 else self.engine.get(number)
                system.write(word, value, self.file, self.local.level)
        except system.Undefined as undefined:
            raise _Broken("no exception inside the pen", f"uses {undefined}") from undefined
        return None

    def _own_access(self, store: bool, offset: int, size: int, value: int) -> None:
        top = stack_top(self.cpu) - words.BASE
        field = self.engine._own[self.cpu].get(offset)
        if field is not None and size == words.own_size(field):
            if store:
                self._count(field, value)
        elif not top - layout.STACK_SIZE <= offset <= top - size and not (
            not store and _is_constant(offset, size)
        ):
            doing = "writes" if store else "reads"
            raise _Broken("own words", f"{doing} {size} bytes at {_place(offset)}")

    def _count(self, field: str, value: int) -> None:
        """Counters count one by one. Kept as a difference, so that going round ends somewhere."""
        if field in _COUNTERS:
            self.engine.checked["counters"] += 1
            if value != self.own[field] + 1:
                raise _Broken("counters", f"{field} from {self.own[field]} to {value}")
        self.own[field] = value
        common = min(self.own[one] for one in _COUNTERS)
        for one in _COUNTERS:
            self.own[one] -= common
            offset = words.slot_offset(self.cpu, one)
            self.engine.preset(offset, self.own[one], words.own_size(one))

    def _check_store(self, word: words.Word, value: int) -> None:
        offer = self.engine.area.offer
        parks = word.field == "state" and value == CpuState.OFF
        receipt = offer is Offer.RETURN and word.field == "release" and value == 0
        if word.cpu != self.cpu or not (parks or receipt):
            return
        self.engine.checked["at rest"] += 1
        wrong = rest.problem(self.file, self.local.level, offer)
        if wrong:
            raise _Broken("at rest", f"{wrong} when it says that it is parked")
        if self.own["released"] != self.own["returned"]:
            text = "says that it is parked without having counted itself as returned"
            raise _Broken("counters", text)


_COUNTERS = ("released", "returned")


def _is_constant(offset: int, size: int) -> bool:
    """Code, logbook header, index, and of the slots what boot/ wrote for good."""
    if offset + size <= layout.SLOT_OFFSET:
        return offset >= 0
    within = (offset - layout.SLOT_OFFSET) % layout.SLOT_SIZE
    fixed = [one for one in layout.SLOT if one.name in ("mpidr", "barred")]
    return offset < layout.STACK_OFFSET and any(
        one.offset <= within and within + size <= one.offset + one.size for one in fixed
    )


def _place(offset: int) -> str:
    if not 0 <= offset < layout.RESERVED_SIZE:
        return f"{words.BASE + offset:#x}, outside of the region"
    if layout.SLOT_OFFSET <= offset < layout.STACK_OFFSET:
        cpu, within = divmod(offset - layout.SLOT_OFFSET, layout.SLOT_SIZE)
        fields = [one.name for one in layout.SLOT if one.offset <= within < one.offset + one.size]
        return f"CPU {cpu}'s {fields[0] if fields else hex(within)}"
    if offset >= layout.STACK_OFFSET:
        return f"CPU {(offset - layout.STACK_OFFSET) // layout.STACK_SIZE}'s stack"
    return f"{offset:#x} of the region"

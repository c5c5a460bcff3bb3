# SPDX-License-Identifier: BSD-2-Clause
"""Instructions inside the pen, counted from QEMU's execution trace. Pure.

With one instruction per translated block and no chaining, `-d exec,cpu` writes one "Trace"
line and the registers for every instruction executed. The count is exact and the same on
every host. Source of the format: QEMU, accel/tcg/cpu-exec.c (log_cpu_exec, cpu_tb_exec).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from roundpen.contract import layout
from roundpen.errors import MachineError

_SYNC_FROM_EL1 = 0x400
"""Vector offset: synchronous exception from a lower level, AArch64 (Arm ARM D1.10)."""
_ERET = 0xD69F03E0
_WFE = 0xD503205F
_DSB_SY = 0xD5033F9F
_STORE_ZERO = 0xF900027F
"""`str xzr, [x19]`: the release word is the first field of a slot."""

_TRACE = re.compile(r"^Trace (\d+): \S+ \[[0-9a-f]+/([0-9a-f]+)/")
_X0 = re.compile(r"\bX00=([0-9a-f]{16})")
_NOT_RUN = re.compile(r"^Stopped execution of TB chain before \S+ \[([0-9a-f]+)\]")


@dataclass(frozen=True)
class Landmarks:
    """Where the pen's resident code begins and ends a call: offsets from its base, in bytes.

    `poll` to `poll_end` is the park loop; `leave` is where a released CPU goes from there.
    """

    entry: int
    erets: tuple[int, ...]
    poll: int
    poll_end: int
    leave: int


class Step(NamedTuple):
    """One instruction executed: on which CPU, where, and x0 before it where known."""

    cpu: int
    address: int
    x0: int | None


@dataclass(frozen=True)
class Call:
    """One call into the pen. `parked`: it ended in the park loop, not in a return."""

    cpu: int
    function: int
    instructions: int
    parked: bool


def landmarks(code: bytes) -> Landmarks:
    """Find the landmarks in the resident code itself, so that a stripped pen will do.

    The park loop is `ldr; cmp; b.hi leave; wfe; b`, and the only place with a WFE. Raises
    MachineError when the code has another shape.
    """
    words = [int.from_bytes(code[at : at + 4], "little") for at in range(0, len(code) - 3, 4)]
    waits = [at for at, word in enumerate(words) if word == _WFE]
    erets = tuple(at * 4 for at, word in enumerate(words) if word == _ERET)
    if len(waits) == 1 and erets:
        (wait,) = waits
        back = _branch(words[wait + 1], wait + 1)
        leave = _branch_if_higher(words[wait - 1], wait - 1)
        if back == wait - 3 and leave is not None:
            return Landmarks(_SYNC_FROM_EL1, erets, back * 4, (wait + 2) * 4, leave * 4)
    raise MachineError(
        f"the pen's resident code: {len(waits)} WFE and {len(erets)} ERET in it, expected one "
        "WFE in a loop of load, compare, B.HI, WFE, B and at least one ERET",
        remedy="teach roundpen.lab.bench.trace the new shape",
    )


def receipt(code: bytes) -> int:
    """Where the receipt is written: the offset of that store from the code's base, in bytes.

    It is the one store of zero through x19, the slot, with a `dsb sy` on either side
    (contract, F5). Raises MachineError when there is another number of them.
    """
    words = [int.from_bytes(code[at : at + 4], "little") for at in range(0, len(code) - 3, 4)]
    found = [
        at * 4
        for at in range(1, len(words) - 1)
        if words[at] == _STORE_ZERO and words[at - 1] == words[at + 1] == _DSB_SY
    ]
    if len(found) == 1:
        return found[0]
    raise MachineError(
        f"the pen's resident code: {len(found)} stores of zero to the release word between two "
        "DSB SY, expected one",
        remedy="teach roundpen.lab.bench.trace the new shape",
    )


def returns(executed: Iterable[Step], base: int, store: int) -> list[int]:
    """Instructions of each return, from the return entry to the receipt, both counted.

    `store`: what `receipt` gave. Raises MachineError when a CPU comes home and leaves again
    without a receipt in between.
    """
    done: list[int] = []
    under_way: dict[int, int] = {}
    for step in executed:
        offset = step.address - base
        if offset == layout.RESIDENT_RETURN:
            if step.cpu in under_way:
                raise MachineError(f"trace: CPU {step.cpu} returns without a receipt")
            under_way[step.cpu] = 1
        elif step.cpu in under_way:
            under_way[step.cpu] += 1
            if offset == store:
                done.append(under_way.pop(step.cpu))
    return done


def _branch(word: int, at: int) -> int | None:
    """Target of `b`, in words."""
    if word >> 26 != 0b000101:
        return None
    return at + _signed(word & 0x3FFFFFF, 26)


def _branch_if_higher(word: int, at: int) -> int | None:
    """Target of `b.hi`, in words."""
    if word & 0xFF00001F != 0x54000008:
        return None
    return at + _signed(word >> 5 & 0x7FFFF, 19)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def address_filter(base: int, marks: Landmarks) -> str:
    """What `-dfilter` should let through: the resident code without the park loop.

    Parked CPUs poll all the time; their lines would fill the disk and are part of no call.
    """
    end = layout.RESIDENT_OFFSET + layout.RESIDENT_MAX
    ranges = [(0, marks.poll), (marks.poll_end, end)]
    return ",".join(f"{base + first:#x}+{last - first:#x}" for first, last in ranges)


def steps(lines: Iterable[str]) -> Iterator[Step]:
    """The instructions that really ran.

    QEMU announces a block before it enters it; when a request to stop is waiting, it turns
    back before the first instruction, says so, and announces the block again later.
    """
    held: Step | None = None
    for line in lines:
        announced = _TRACE.match(line)
        if announced:
            if held:
                yield held
            held = Step(int(announced[1]), int(announced[2], 16), None)
            continue
        if held is None:
            continue
        registers = _X0.search(line)
        if registers:
            held = held._replace(x0=int(registers[1], 16))
            continue
        not_run = _NOT_RUN.match(line)
        if not_run and int(not_run[1], 16) == held.address:
            held = None
    if held:
        yield held


def calls(executed: Iterable[Step], base: int, marks: Landmarks) -> list[Call]:
    """Attribute instructions to calls, in order of their end.

    A call begins at the vector and ends with its ERET (counted), or, if the CPU does not come
    back, before the first poll of the park loop. Raises MachineError when a call begins while
    the CPU is inside another.
    """
    done: list[Call] = []
    open_calls: dict[int, tuple[int, int]] = {}
    for step in executed:
        offset = step.address - base
        if offset == marks.entry:
            if step.cpu in open_calls:
                raise MachineError(f"trace: CPU {step.cpu} calls from within a call")
            open_calls[step.cpu] = ((step.x0 or 0) & 0xFFFF_FFFF, 1)
            continue
        if step.cpu not in open_calls:
            continue
        function, count = open_calls[step.cpu]
        if offset == marks.leave:
            del open_calls[step.cpu]
            done.append(Call(step.cpu, function, count, parked=True))
        elif offset in marks.erets:
            del open_calls[step.cpu]
            done.append(Call(step.cpu, function, count + 1, parked=False))
        else:
            open_calls[step.cpu] = (function, count + 1)
    # Who is still inside at the end has parked and was not released again.
    return done + [Call(cpu, *rest, parked=True) for cpu, rest in open_calls.items()]

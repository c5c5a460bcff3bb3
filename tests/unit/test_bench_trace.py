# SPDX-License-Identifier: BSD-2-Clause
"""Counting instructions from QEMU's trace: landmarks, what really ran, attribution to calls."""

from __future__ import annotations

import struct

import pytest

from roundpen.contract import layout
from roundpen.errors import MachineError
from roundpen.lab.bench.trace import (
    Call,
    Landmarks,
    Step,
    address_filter,
    calls,
    landmarks,
    receipt,
    returns,
    steps,
)

BASE = 0x4021_0000
MARKS = Landmarks(entry=0x400, erets=(0x410, 0x930), poll=0x900, poll_end=0x910, leave=0x920)
AFFINITY_INFO = 0xC400_0004
CPU_OFF = 0x8400_0002

LDR, CMP, WFE, B_MINUS_4 = 0xF9400260, 0xF100041F, 0xD503205F, 0x17FFFFFC
B_HI_PLUS_5 = 0x54000008 | 5 << 5
ERET, NOP = 0xD69F03E0, 0xD503201F


def code(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def test_landmarks_are_found_in_the_code_itself() -> None:
    # b.hi at word 3 goes 5 words on, the branch at word 5 back to word 1.
    found = landmarks(code(NOP, LDR, CMP, B_HI_PLUS_5, WFE, B_MINUS_4, NOP, NOP, ERET))
    assert found == Landmarks(entry=0x400, erets=(32,), poll=4, poll_end=24, leave=32)


@pytest.mark.parametrize(
    "words",
    [
        (NOP, ERET),  # no WFE
        (LDR, CMP, B_HI_PLUS_5, WFE, B_MINUS_4, WFE, ERET),  # two
        (LDR, CMP, B_HI_PLUS_5, WFE, NOP, ERET),  # no loop
        (LDR, CMP, NOP, WFE, B_MINUS_4, ERET),  # no way out
        (LDR, CMP, B_HI_PLUS_5, WFE, B_MINUS_4),  # no ERET
    ],
)
def test_code_of_another_shape_is_refused(words: tuple[int, ...]) -> None:
    with pytest.raises(MachineError, match="expected one WFE"):
        landmarks(code(*words))


def test_the_filter_leaves_the_park_loop_out() -> None:
    end = layout.RESIDENT_MAX
    expected = f"{BASE:#x}+0x900,{BASE + 0x910:#x}+{end - 0x910:#x}"
    assert address_filter(BASE, MARKS) == expected


def line(cpu: int, offset: int) -> str:
    return f"Trace {cpu}: 0x7f12 [0000000000004000/{BASE + offset:016x}/00000121/ff000201] \n"


def test_steps_take_x0_from_the_registers_that_follow() -> None:
    text = [
        line(3, 0x400),
        " PC=0000000040210400 X00=00000000c4000004 X01=0000000000000002\n",
        "X02=0000000000000000 X03=0000000000000000 X04=0000000000000000\n",
        line(0, 0x404),
    ]
    assert list(steps(text)) == [
        Step(3, BASE + 0x400, 0xC4000004),
        Step(0, BASE + 0x404, None),
    ]


def test_a_block_that_was_announced_but_not_entered_counts_once() -> None:
    text = [
        line(0, 0x404),
        f"Stopped execution of TB chain before 0x7f12 [{BASE + 0x404:016x}] \n",
        line(0, 0x404),
        line(0, 0x408),
        "Stopped execution of TB chain before 0x7f12 [0000000000001234] \n",
    ]
    assert [step.address - BASE for step in steps(text)] == [0x404, 0x408]


def ran(cpu: int, *offsets: int, x0: int = AFFINITY_INFO) -> list[Step]:
    return [Step(cpu, BASE + offset, x0) for offset in offsets]


def test_a_call_counts_from_the_vector_to_its_return_inclusive() -> None:
    executed = ran(0, 0x500, 0x400, 0x404, 0x800, 0x410, 0x800)
    assert calls(executed, BASE, MARKS) == [Call(0, AFFINITY_INFO, 4, parked=False)]


def test_calls_on_several_cpus_are_told_apart() -> None:
    executed = [
        *ran(0, 0x400, 0x404),
        *ran(1, 0x400, x0=CPU_OFF),
        *ran(0, 0x410),
        *ran(1, 0x404, 0x700),
    ]
    assert calls(executed, BASE, MARKS) == [
        Call(0, AFFINITY_INFO, 3, parked=False),
        Call(1, CPU_OFF, 3, parked=True),
    ]


def test_a_parked_call_ends_where_the_cpu_leaves_again() -> None:
    executed = ran(1, 0x400, 0x404, 0x920, 0x924, 0x930, 0x400, 0x410, x0=CPU_OFF)
    assert calls(executed, BASE, MARKS) == [
        Call(1, CPU_OFF, 2, parked=True),
        Call(1, CPU_OFF, 2, parked=False),
    ]


def test_a_call_within_a_call_is_no_trace_to_count_from() -> None:
    with pytest.raises(MachineError, match="CPU 2 calls from within a call"):
        calls(ran(2, 0x400, 0x404, 0x400), BASE, MARKS)


DSB_SY, STORE_ZERO = 0xD5033F9F, 0xF900027F
HOME = layout.RESIDENT_RETURN


def test_the_receipt_is_the_store_between_two_barriers() -> None:
    assert receipt(code(NOP, STORE_ZERO, DSB_SY, DSB_SY, STORE_ZERO, DSB_SY, NOP)) == 16


@pytest.mark.parametrize("words", [(STORE_ZERO, DSB_SY), (DSB_SY, STORE_ZERO, DSB_SY) * 2])
def test_no_receipt_or_two_are_refused(words: tuple[int, ...]) -> None:
    with pytest.raises(MachineError, match="expected one"):
        receipt(code(NOP, *words, NOP))


def test_returns_count_from_the_entry_to_the_store() -> None:
    executed = [
        Step(1, BASE + 0x20, None),  # before it came home
        Step(1, BASE + HOME, None),
        Step(2, BASE + HOME, None),
        Step(1, BASE + 0x20, None),
        Step(1, BASE + 0x24, None),
        Step(2, BASE + 0x24, None),
        Step(1, BASE + 0x28, None),
    ]
    assert list(returns(executed, BASE, 0x24)) == [3, 2]


def test_a_return_without_a_receipt_is_noticed() -> None:
    with pytest.raises(MachineError, match="CPU 1 returns without a receipt"):
        returns([Step(1, BASE + HOME, None)] * 2, BASE, 0x24)

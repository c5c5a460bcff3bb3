# SPDX-License-Identifier: BSD-2-Clause
"""Taking the CPUs out of the firmware's spin-table, however they come."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import pytest

from roundpen.contract.layout import (
    PAYLOAD_ALIGN,
    RESERVED_SIZE,
    WRAPPED_TEXT_OFFSET,
    CpuState,
)
from roundpen.lab.vendor import VirtSpec
from roundpen.logbook.parse import Logbook
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome

Words = Literal["unique", "shared"]
WORDS: tuple[Words, ...] = ("unique", "shared")
STEP = 0.2
"""Seconds between two arrivals. Of a machine whose time is counted in instructions: by the host's
clock, a QEMU that the host leaves standing for longer than that finds both CPUs due when it goes
on, and they come in any order."""


def states(logbook: Logbook) -> dict[int, CpuState]:
    """MPIDR -> where the CPU was when the run ended."""
    return {cpu.mpidr: cpu.state for cpu in logbook.cpus}


def failed_in_tree(outcome: Outcome) -> list[str]:
    """CPU nodes whose status keeps the kernel away from them."""
    tree = outcome.tree
    return [path for path in tree.children("/cpus") if tree.text(path, "status") == "fail"]


def offered(outcome: Outcome) -> None:
    """The pen did not step aside, and its edits of the tree are as documented."""
    outcome.check_all()
    tree = outcome.tree
    assert tree.text("/chosen", "roundpen,offer") == "psci"
    assert tree.get("/chosen", "roundpen,refused") is None
    assert tree.text("/psci", "method") == "hvc"
    assert tree.get("/psci", "compatible") == b"arm,psci-1.0\0arm,psci-0.2\0"
    for path in tree.children("/cpus"):
        assert tree.get(path, "cpu-release-addr") is None, path
        assert tree.text(path, "enable-method") == "psci", path
    base = outcome.logbook.base
    node = f"/reserved-memory/roundpen@{base:x}"
    assert tree.text(node, "compatible") == "roundpen,pen-v1"
    assert tree.get(node, "no-map") == b""
    assert tree.cells(node, "reg")[-3:] == [base, 0, 0x10000]
    assert base % 0x10000 == 0


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("order", list(permutations((1, 2, 3))))
def test_every_order_of_arrival(bench: Bench, words: Words, order: tuple[int, ...]) -> None:
    late = tuple((cpu, STEP * place) for place, cpu in enumerate(order))
    outcome = bench.on_pen(VirtSpec(words=words, late=late), Tests.DISABLED, counted=True)
    offered(outcome)
    arrived = {cpu.index: cpu.arrived_at for cpu in outcome.logbook.cpus if not cpu.is_boot}
    assert sorted(arrived, key=lambda index: arrived[index]) == list(order)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("absent", [(1,), (3,), (1, 2), (1, 2, 3)])
def test_absent(bench: Bench, words: Words, absent: tuple[int, ...]) -> None:
    spec = VirtSpec(words=words, absent=absent)
    outcome = bench.on_pen(spec, Tests.DISABLED, disabled=absent, counted=True)
    offered(outcome)
    assert failed_in_tree(outcome) == [f"/cpus/cpu@{cpu}" for cpu in absent]
    for cpu in range(1, 4):
        expected = CpuState.FAILED if cpu in absent else CpuState.OFF
        assert states(outcome.logbook)[cpu] == expected


@pytest.mark.parametrize("words", WORDS)
def test_late_is_parked(bench: Bench, words: Words) -> None:
    """It comes late, while the kernel runs, and stays out of the way for good."""
    spec = VirtSpec(words=words, late=((2, 2.8),))
    outcome = bench.on_pen(spec, Tests.PAUSE | Tests.DISABLED, disabled=(2,), counted=True)
    offered(outcome)
    assert failed_in_tree(outcome) == ["/cpus/cpu@2"]
    late = outcome.logbook.cpus[2]
    assert (late.state, late.released) == (CpuState.FAILED, 0)
    assert late.arrived_at > outcome.logbook.handed_over_at


@pytest.mark.parametrize("words", WORDS)
def test_slow_is_waited_for(bench: Bench, words: Words) -> None:
    spec = VirtSpec(words=words, late=((3, 0.25), (1, 0.1)))
    outcome = bench.on_pen(spec, Tests.DISABLED, counted=True)
    offered(outcome)
    assert failed_in_tree(outcome) == []


@pytest.mark.parametrize("words", WORDS)
def test_stranger(bench: Bench, words: Words) -> None:
    """A CPU that the tree does not name comes along on a shared word."""
    spec = VirtSpec(words=words, strangers=(2,))
    # Nobody waits for a stranger: give it time to be seen.
    outcome = bench.on_pen(spec, Tests.PAUSE | Tests.DISABLED, mpidrs=(0, 1, 3))
    offered(outcome)
    assert set(states(outcome.logbook)) == {0, 1, 3}
    assert outcome.logbook.strangers == (words == "shared")


@pytest.mark.parametrize("words", WORDS)
def test_other_exception_level(bench: Bench, words: Words) -> None:
    spec = VirtSpec(words=words, other_level=(2,))
    outcome = bench.on_pen(spec, Tests.DISABLED, disabled=(2,))
    offered(outcome)
    assert failed_in_tree(outcome) == ["/cpus/cpu@2"]
    assert states(outcome.logbook)[2] == CpuState.WRONG_LEVEL


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("cpus", [2, 8, 17, 33, 64, 120])
def test_many_cpus(bench: Bench, cpus: int, words: Words) -> None:
    """Beyond 16 CPUs the machine numbers them in clusters (Aff1)."""
    spec = VirtSpec(cpus=cpus, gic=3 if cpus > 8 else 2, words=words)
    outcome = bench.on_pen(spec, Tests.DISABLED)
    offered(outcome)
    found = states(outcome.logbook)
    assert set(found) == {spec.mpidr(number) for number in range(cpus)}
    assert {mpidr for mpidr, state in found.items() if state != CpuState.OFF} == {0}


@pytest.mark.parametrize("cpus", [9, 33])
def test_el1_and_cycles_in_clusters(bench: Bench, cpus: int) -> None:
    spec = VirtSpec(cpus=cpus, gic=3, cpu="max")
    tests = Tests.CALLS | Tests.ERRORS | Tests.STATE | Tests.CYCLES
    bench.on_pen(spec, tests, cycles=20).check_all()


@pytest.mark.parametrize(
    "at",
    [
        0x28_0000,  # where its header asks for it: nothing moves
        0x20_0000,  # a loader that takes no notice of text_offset
        0x20_1000,
        0x21_0000,
        0x27_F000,
        0x28_1000,
        0x30_0000,
        0x3C_0000,
        0x3D_0000,
        0x3F_0000,
        0x3F_F000,
        0x1008_0000,
        0x1010_0000,
    ],
)
def test_load_address(bench: Bench, at: int) -> None:
    """The kernel behind the pen is moved to where booting.rst wants it, and no further than
    the first boundary that leaves room for the pen in front.
    """
    spec = VirtSpec(load_offset=at + 0x20_0000 - WRAPPED_TEXT_OFFSET)
    outcome = bench.on_pen(spec, Tests.DISABLED | Tests.CALLS)
    offered(outcome)
    loaded, base = spec.base_address + WRAPPED_TEXT_OFFSET, outcome.logbook.base
    kernel = int(outcome.lines[0].split(" image 0x")[1].split()[0], 16)
    assert kernel % PAYLOAD_ALIGN == 0
    assert 0 < base - loaded < PAYLOAD_ALIGN - WRAPPED_TEXT_OFFSET
    assert 0 <= kernel - (base + RESERVED_SIZE) < PAYLOAD_ALIGN
    tree = int(outcome.lines[0].split("tree 0x")[1].split()[0], 16)
    assert tree // PAYLOAD_ALIGN != base // PAYLOAD_ALIGN

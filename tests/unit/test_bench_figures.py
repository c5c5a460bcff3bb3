# SPDX-License-Identifier: BSD-2-Clause
"""The bench's pure parts: samples from consoles and events, figures against targets, JSON."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from roundpen.contract import layout
from roundpen.errors import MachineError, UserError
from roundpen.lab.bench import bare, figures, linux, probe
from roundpen.lab.bench.figures import AFFINITY_INFO, CPU_OFF, CPU_ON, Figure
from roundpen.lab.bench.measure import Report
from roundpen.lab.bench.trace import Call
from roundpen.lab.events import Event
from roundpen.lab.scenario import Scenario
from roundpen.report import bench as report

CALLS = [
    Call(0, CPU_ON, 150, parked=False),
    Call(0, CPU_ON, 140, parked=False),
    Call(1, CPU_OFF, 96, parked=True),
    Call(0, AFFINITY_INFO, 60, parked=False),
]


def booted(at: float, cpu: int) -> str:
    return f"[{at:12.6f}] CPU{cpu}: Booted secondary processor 0x0000000001 [0x410fd083]"


def test_a_cycle_lasts_from_one_arrival_of_a_cpu_to_its_next() -> None:
    lines = [booted(1.0, 1), "[    1.2] psci: CPU1 killed", booted(1.5, 1), booted(2.25, 1)]
    assert list(linux.cycle_times(lines)) == [0.5, 0.75]


def test_cycles_do_not_reach_over_cpus_or_kernels() -> None:
    lines = [booted(1.0, 1), booted(2.0, 2), booted(9.0, 3), booted(0.5, 3), booted(0.75, 3)]
    assert list(linux.cycle_times(lines)) == [0.25]


def test_spans_are_differences_of_pairs_of_readings() -> None:
    said = ["0000000000000010", "0000000000000030", "0000000000000100", "0000000000000110"]
    events = [Event(0, n, "run", f"status=0 said={text} ", 0.0) for n, text in enumerate(said)]
    assert linux.spans(events, 16) == [2.0, 1.0]


def test_the_counter_is_read_right_before_the_jump_and_first_thing_after() -> None:
    lines = linux.guest_steps(Scenario(kexecs=1), 4)
    jump = lines.index("0 jump")
    assert lines[jump - 1] == "0 run /lib/ticks"
    after = [line for line in lines if line.startswith("1 ")]
    assert after[0] == "1 run /lib/ticks"
    assert sum("ticks" in line for line in lines) == 2


def test_instruction_figures_take_the_dearest_call() -> None:
    many = [*CALLS, Call(0, CPU_ON, 151, parked=False)]
    found = {figure.name: figure for figure in figures.instruction_figures(CALLS, many, 64)}
    assert (found["CPU_ON, 4 CPUs"].value, found["CPU_ON, 4 CPUs"].met) == (150, True)
    assert (found["CPU_ON, 64 CPUs"].value, found["CPU_ON, 64 CPUs"].met) == (151, False)
    assert found["CPU_OFF until parked"].met is True
    assert found["AFFINITY_INFO"].met is None


def test_leaving_figures() -> None:
    middle, longest = figures.leaving_figures([8e-6, 9e-6, 1e-4])
    assert (round(middle.value), round(longest.value)) == (9, 100)


def test_receipt_figures_take_the_longest_return_of_each_level() -> None:
    found = figures.receipt_figures({1: [50, 51], 2: [60, 61]})
    assert [(figure.value, figure.met) for figure in found] == [(61, False), (51, True)]
    with pytest.raises(MachineError, match="no return at EL1"):
        figures.receipt_figures({1: []})


def test_a_trace_without_the_call_gives_no_figure() -> None:
    with pytest.raises(MachineError, match="no call of function 0x84000002"):
        figures.most(CALLS[:2], CPU_OFF, parked=True)


@pytest.mark.parametrize(("last", "met"), [(63e-6, True), (65e-6, False)])
def test_gather_growth_is_by_cpus_gathered(last: float, met: bool) -> None:
    assert figures.gather_figures({2: [1e-6], 64: [last]}, {2: 0, 64: 0})[-1].met is met


def test_resident_bytes_end_with_the_last_one_used() -> None:
    assert figures.size_figures(b"\1" * 13 + bytes(100))[0].value == 16


def test_json_has_every_figure_and_the_machine() -> None:
    done = Report({"qemu": "7.2"}, (Figure("a", 2.0, "ms", 1.0), Figure("b", 3, "bytes")))
    found = json.loads(json.dumps(report.as_json(done)))
    assert found["machine"] == {"qemu": "7.2"}
    assert found["met"] is False
    assert [(one["name"], one["met"]) for one in found["figures"]] == [("a", False), ("b", None)]
    assert report.table(done).row_count == 2


@pytest.mark.parametrize(
    ("version", "traced", "expected"),
    [
        ((7, 2), True, ["-accel", "tcg,thread=single", "-singlestep"]),
        ((10, 0), True, ["-accel", "tcg,thread=single,one-insn-per-tb=on"]),
        ((10, 0), False, ["-accel", "tcg,thread=single"]),
    ],
)
def test_accelerator(version: tuple[int, int], traced: bool, expected: list[str]) -> None:
    assert bare.accelerator(["-accel", "tcg,thread=multi"], version, traced) == expected


def test_the_probes_table_is_bounded() -> None:
    image = bytes(0x1000)
    filled = probe.filled(image, [1, 0x100], Path("/x"))
    assert len(filled) == len(image)
    numbers = struct.unpack_from("<4Q", filled, probe.TABLE)
    assert numbers == (2, len("/x"), 0, 1)
    home = probe.filled(image, [0x2000], Path("/x"), door=layout.RESIDENT_RETURN)
    assert struct.unpack_from("<4Q", home, probe.TABLE) == (1, 2, layout.RESIDENT_RETURN, 0x2000)
    with pytest.raises(UserError, match="its table holds 8"):
        probe.filled(image, range(9), Path("/x"))

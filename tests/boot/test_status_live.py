# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen status` on a booted Debian kernel: the logbook through the guest's own /dev/mem."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from roundpen.cli.exits import Exit
from roundpen.contract.layout import Offer
from roundpen.errors import MachineError
from roundpen.lab import emulator, session
from roundpen.lab.machines import Machine, machine
from roundpen.lab.scenario import Scenario, expected
from roundpen.lab.session import Job, Result
from roundpen.report import logbook as report
from tests.boot import guest_python
from tests.boot.guest_python import PYTHON, Told
from tests.boot.runs import AS_IS, TIMEOUT, WRAPPED

pytestmark = pytest.mark.timeout(900)

PLAIN = machine("virt-unique-el2-gicv2-2-a53")
BOARD = replace(machine("raspi3b"), least_qemu=10, thread="multi")
"""Where a load from Device memory has to be aligned, as on real boards: with QEMU 10 (7.2 never
minds) and a host thread per CPU (with one for all, QEMU promises no atomicity and checks none)."""
KERNEL = "debian-6.1"
CYCLES = 2
STATUS = (PYTHON, "-m", "roundpen.cli.main", "status")

AS_NOBODY = """
import os, runpy, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.argv[1:] = ["status"]
runpy.run_module("roundpen.cli.main", run_name="__main__")
"""
WITHOUT_DEVICE = f"rm /dev/mem; exec {' '.join(STATUS)}"
OTHER_WAYS = """
import mmap, os, pathlib, sys
from roundpen.logbook import live
base = live.region_base(pathlib.Path("/proc/device-tree"))
memory = os.open("/dev/mem", os.O_RDONLY)
if sys.argv[1] == "read":
    os.pread(memory, 64, base)
else:
    area = mmap.mmap(memory, 0x10000, mmap.MAP_SHARED, mmap.PROT_READ, offset=base)
    print(area[0x1801:0x1901].hex())
"""
"""What `status` does not do: read() the region; slice its mapping, which is memcpy's wide loads."""
BUS_ERROR = 128 + 7
"""A shell's status for a program that SIGBUS ended."""


@dataclass(frozen=True)
class Answers:
    """A run, and what each program in its guest said."""

    result: Result
    told: dict[str, Told]


def ask(
    board: Machine, wrap: Offer | None, cycles: int, programs: dict[str, tuple[str, ...]]
) -> Answers:
    """One run that unplugs every secondary `cycles` times, then has `programs` speak."""
    wanted = expected(board, wrap)
    job = Job(
        board,
        session.kernel(KERNEL),
        Scenario(cycles=cycles, extra=guest_python.steps(), expects=wanted),
        wrap=wrap,
        timeout=TIMEOUT,
        files=guest_python.files() | guest_python.script(programs),
    )
    result = session.perform(job)
    problems = result.verdict.all_problems()
    assert not problems, "\n".join([*problems, f"transcript: {result.transcript}"])
    return Answers(result, guest_python.told(result.events))


@pytest.mark.long
def test_under_the_pen() -> None:
    """One test, or each worker would boot a machine for its part of the checks."""
    answers = under_the_pen()
    the_counts_are_what_was_done(answers)
    busybox_reads_the_same(answers)
    the_table(answers)
    others_than_root_are_told_so(answers)
    a_kernel_without_the_device(answers)
    why_it_maps_and_copies_word_by_word(answers)


def under_the_pen() -> Answers:
    """What status says under the pen, to several who ask, and how two other ways fare."""
    try:
        emulator.find(BOARD)
    except MachineError as error:
        pytest.skip(str(error))
    return ask(
        BOARD,
        WRAPPED,
        CYCLES,
        {
            "json": (*STATUS, "--json"),
            "text": STATUS,
            "nobody": (PYTHON, "-c", AS_NOBODY),
            "read": (PYTHON, "-c", OTHER_WAYS, "read"),
            "slice": (PYTHON, "-c", OTHER_WAYS, "slice"),
            "without-device": ("sh", "-c", WITHOUT_DEVICE),
        },
    )


def the_counts_are_what_was_done(wrapped: Answers) -> None:
    told = wrapped.told["json"]
    assert (told.status, told.err) == (0, "")
    book = json.loads(told.out)
    assert (book["offer"], book["entry_level"], book["reason"]) == ("psci", 2, "")
    assert [cpu["index"] for cpu in book["cpus"]] == [0, 1, 2, 3]
    assert [cpu["mpidr"] for cpu in book["cpus"]] == [0, 1, 2, 3]
    assert [cpu["boot"] for cpu in book["cpus"]] == [True, False, False, False]
    assert {cpu["state"] for cpu in book["cpus"]} == {"on"}
    counts = [(cpu["released"], cpu["returned"]) for cpu in book["cpus"]]
    assert counts == [(1, 0), *[(CYCLES + 1, CYCLES)] * 3]


def busybox_reads_the_same(wrapped: Answers) -> None:
    """The lab's own reading: one devmem per word, before status ran."""
    (trip,) = wrapped.result.verdict.trips
    assert trip.logbook is not None
    assert json.loads(wrapped.told["json"].out) == report.as_json(trip.logbook)


def the_table(wrapped: Answers) -> None:
    told = wrapped.told["text"]
    assert (told.status, told.err) == (0, "")
    base = json.loads(wrapped.told["json"].out)["base"]
    first, second, *table = told.out.splitlines()
    assert first == f"pen at {base:#x}, entered at EL2, offer psci"
    assert second.startswith("CPUs gathered after ")
    rows = [[cell.strip() for cell in line.split("│")[1:6]] for line in table if "│" in line]
    others = [[str(n), f"{n:#x}", "on", str(CYCLES + 1), str(CYCLES)] for n in (1, 2, 3)]
    assert rows == [["0", "0x0", "on", "1", "0"], *others]


def others_than_root_are_told_so(wrapped: Answers) -> None:
    told = wrapped.told["nobody"]
    assert (told.status, told.out) == (Exit.REFUSED, "")
    assert only_line(told).startswith("/dev/mem: Permission denied; run as root")


def a_kernel_without_the_device(wrapped: Answers) -> None:
    told = wrapped.told["without-device"]
    assert (told.status, told.out) == (Exit.REFUSED, "")
    assert only_line(told).startswith("/dev/mem: cannot map 0x10000 bytes at 0x")
    assert "No such file or directory; a kernel with CONFIG_DEVMEM is needed" in told.err


def why_it_maps_and_copies_word_by_word(wrapped: Answers) -> None:
    package = wrapped.result.job.kernel.package
    assert package is not None
    assert "CONFIG_STRICT_DEVMEM=y" in package.config.read_text().splitlines()
    assert "[Errno 14] Bad address" in wrapped.told["read"].err
    assert wrapped.told["slice"].status == BUS_ERROR


def test_without_a_pen() -> None:
    told = ask(PLAIN, AS_IS, 0, {"text": STATUS, "json": (*STATUS, "--json")}).told
    for answer in told.values():
        assert (answer.status, answer.out) == (Exit.REFUSED, "")
        assert only_line(answer).startswith("this machine's device tree has no pen (")


def only_line(told: Told) -> str:
    """What stands behind the frame of the one line on standard error."""
    assert told.err.startswith("roundpen: error: ")
    assert told.err.count("\n") == 1
    assert told.err.endswith("\n")
    return told.err.removeprefix("roundpen: error: ")

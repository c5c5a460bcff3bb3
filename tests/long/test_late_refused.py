# SPDX-License-Identifier: BSD-2-Clause
"""What the module refuses by name, and the region that it makes, byte by byte."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from roundpen.contract import layout
from roundpen.kernel import module
from roundpen.lab import session
from roundpen.lab.faults import Fault, Faulty
from roundpen.lab.guest.root import Member
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario
from roundpen.lab.session import Job, Result
from tests.boot.runs import TIMEOUT

pytestmark = pytest.mark.timeout(900)
KERNEL = "debian-6.1"
PROJECT = Path(__file__).resolve().parents[2]
INSMOD = "run insmod /roundpen.ko"


def run(name: str, *steps: str, limit: str = "", faults: tuple[Faulty, ...] = ()) -> Result:
    """A stock kernel that does `steps`, with the module in its root; nothing may go wrong."""
    files = {"roundpen.ko": Member(module.build(KERNEL).read_bytes())}
    job = Job(
        machine(name),
        session.kernel(KERNEL),
        Scenario(limit=limit, extra=steps),
        timeout=TIMEOUT,
        faults=faults,
        files=files,
    )
    result = session.perform(job)
    assert not result.console.fatal
    assert not result.console.complaints
    return result


def said(result: Result) -> list[tuple[str, str]]:
    """Status and output of each step `run`."""
    events = [event for event in result.events if event.name == "run"]
    return [(event.value("status"), event.rest("said")) for event in events]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault.NO_ENTRY, "CPU2 has no cpu-return-addr, others have one"),
        (Fault.ZERO_ENTRY, "CPU2 can't be returned: its cpu-return-addr is zero"),
        (Fault.ODD_ENTRY, "its cpu-return-addr is zero or not aligned to 4 bytes"),
        (Fault.SHARED_WORD, "CPU2 can't be returned: it shares its release word with another CPU"),
        (Fault.RAM_WORD, "its release word is not in a no-map child of /reserved-memory"),
    ],
)
def test_firmware_that_breaks_the_contract(fault: Fault, reason: str) -> None:
    name = "virt-returning-el2-gicv3-4-a53"
    result = run(name, INSMOD, "run ls /sys/kernel/roundpen", faults=(Faulty(2, fault),))
    insmod, folder = said(result)
    assert insmod[0] != "0"
    assert folder[0] != "0"
    assert any(reason in line for line in result.console.lines if "roundpen: refused: " in line)


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("nr_cpus=2", "the device tree has 4 CPUs, this kernel uses 2 of them"),
        ("nr_cpus=1", "this kernel has one CPU only: kexec works as it is"),
    ],
)
def test_a_kernel_that_leaves_cpus_out(limit: str, reason: str) -> None:
    result = run("raspi3b", INSMOD, limit=limit)
    assert said(result)[0][0] != "0"
    assert any(reason in line for line in result.console.lines if "roundpen: refused: " in line)


@pytest.mark.parametrize("name", ["raspi3b", "virt-shared-el1-gicv3-4-a72"])
def test_nosmp_the_cpus_come_from_the_firmware(name: str) -> None:
    states = [f"run cat /sys/kernel/roundpen/cpu{cpu}/state" for cpu in range(4)]
    result = run(name, INSMOD, *states, limit="nosmp")
    assert [text for _, text in said(result)[1:]] == ["in the kernel", *["parked"] * 3]


def resident(tmp_path: Path) -> bytes:
    """What the module is built with."""
    command = [sys.executable, str(PROJECT / "pen/build.py"), "--module", str(tmp_path)]
    subprocess.run(command, check=True, env=os.environ)
    return (tmp_path / "resident.bin").read_bytes()


def hexadecimal(text: str) -> bytes:
    return bytes.fromhex(re.sub(r"[^0-9a-f]", "", text))


def test_the_region_is_laid_out_as_the_pen_does_it(tmp_path: Path) -> None:
    """Code and index; the logbook and the slots are judged in each run with the module."""
    code = resident(tmp_path)
    region = "/sys/kernel/roundpen/logbook"
    result = run(
        "virt-unique-el2-gicv3-8-a53",
        INSMOD,
        f"run head -c {len(code)} {region} | sha256sum",
        f"run od -A n -v -t x1 -j {layout.INDEX_OFFSET} -N {layout.INDEX_ENTRIES} {region} | "
        "tr -d ' \\n' | sed 's/00//g'",
        f"run od -A n -t x8 -j {layout.LOGBOOK_OFFSET + 0x60} -N 8 {region}",
    )
    _, digest, index, multiplier = said(result)
    assert digest[1].split()[0] == hashlib.sha256(code).hexdigest()
    # Each CPU once.
    assert sorted(hexadecimal(index[1])) == list(range(1, 9))
    assert int(multiplier[1], 16) % 2 == 1

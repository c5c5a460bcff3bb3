# SPDX-License-Identifier: BSD-2-Clause
"""Plans for systems that ran: their own files, and what kexec-tools said there (data/README.md)."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from roundpen.kexec import plan
from roundpen.kexec.plan import Plan, Wanted, Way
from roundpen.kexec.system import read
from tests.unit.check_boards import Sample, changed, spin
from tests.unit.kexec import systems
from tests.unit.kexec_root import put

DATA = Path(__file__).parent / "data"
IMAGE_SIZE = 0x2010000
"""Of Debian's 6.1.0-56-arm64; its text_offset is 0."""
INITRD = 5_000_001
RAM = {"raspi3b": [0, 0, 0, 0x3C000000], "virt-crashkernel": [0, 0x40000000, 0, 0x40000000]}


def board(name: str) -> Sample:
    sample = changed(spin(4 if name == "raspi3b" else 2), "memory@40000000", reg=RAM[name])
    return Sample(sample.nodes)


@pytest.fixture(params=sorted(RAM))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Plan, str]:
    """The plan for a copy of a system, and its name."""
    name = request.param
    shutil.copytree(DATA / name, tmp_path, dirs_exist_ok=True)
    put(tmp_path, "sys/firmware/fdt", board(name).dtb())
    put(tmp_path, "boot/initrd", bytes(INITRD))
    put(tmp_path, "boot/vmlinuz", systems.kernel(image_size=IMAGE_SIZE))
    systems.configure(tmp_path)
    put(tmp_path, "lib/modules/6.1.0-56-arm64/modules.dep", "updates/roundpen.ko:\n")
    given = Wanted(tmp_path / "boot/vmlinuz", tmp_path / "boot/initrd", dry_run=True)
    return plan.make(read(tmp_path), given), name


def test_as_kexec_tools_had_it(made: tuple[Plan, str]) -> None:
    found, name = made
    said = (DATA / name / "segments.txt").read_text(encoding="utf-8")
    real = [int(at, 16) for at in re.findall(r"mem += (0x[0-9a-f]+)", said)]
    foreseen = [each.range.start for each in found.segments]
    # The trees differ in size, so that what comes behind them does.
    assert real[:3] == foreseen[:3]
    sizes = [int(size, 16) for size in re.findall(r"memsz = (0x[0-9a-f]+)", said)]
    assert sizes[:2] == [each.range.end - each.range.start for each in found.segments[:2]]


def test_what_was_read(made: tuple[Plan, str]) -> None:
    found, name = made
    assert {reason.name for reason in found.refused} == {"no-kexec-tools"}
    assert found.way is Way.LATE
    assert found.promise.level == "EL2"
    assert found.needs is not None
    assert found.needs.total is not None
    assert found.needs.total > 800 << 20
    assert ("Crash kernel" in {area.what for area in found.memory}) == ("crash" in name)

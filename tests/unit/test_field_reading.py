# SPDX-License-Identifier: BSD-2-Clause
"""What is read in strangers' trees (field/), row by row: by `check`, and by the pen's own C.

The row names are those of the list in issue 11; what follows for the ways to kexec is in
test_field.py.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest

from roundpen.check import Board, BootEvidence, Excluded, ReleaseState, check, survey
from roundpen.check.source import compile_source
from roundpen.contract.layout import Refusal
from roundpen.devicetree import Outline
from tests.unit import pen_survey

FIELD = Path(__file__).parent / "field"

pytestmark = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
pen = pytest.mark.skipif(pen_survey.compiler() is None, reason="no C compiler here")


@cache
def blob(name: str) -> bytes:
    path = FIELD / f"{name}.dts"
    return compile_source(path.read_bytes(), path)


def tree(name: str, boot_id: int | None = None) -> Board:
    return survey(Outline(blob(name), name), boot_id)


def codes(name: str) -> set[str]:
    return {found.code for found in check(tree(name))}


def possible(board: Board) -> list[int | None]:
    return [cpu.hwid for cpu in board.possible]


@pen
@pytest.mark.parametrize(
    ("name", "boot_id", "refusal"),
    [
        ("base", 0, Refusal.NONE),
        ("onenodt", 0, Refusal.NONE),
        ("fail-sss", 0, Refusal.NONE),
        ("nocells-root1", 0, Refusal.NONE),
        ("rootnocells", 0, Refusal.NONE),
        ("reg-long", 0, Refusal.NONE),
        ("rootmap", 0, Refusal.NONE),
        ("mpidr-mt", 0, Refusal.BOOT_CPU_UNKNOWN),
        ("m3-boot", 0x10100, Refusal.NONE),
        ("m3-boot", 0, Refusal.NOT_SPIN_TABLE),
        ("mixed-boot", 0, Refusal.NONE),
        ("mixed-boot", 1, Refusal.PSCI_PRESENT),
        ("zero", 0, Refusal.RELEASE_WORD_BAD),
        ("norel", 0, Refusal.RELEASE_WORD_BAD),
        ("nomethod", 0, Refusal.NOT_SPIN_TABLE),
        ("rtd1295", 0, Refusal.RELEASE_WORD_BAD),
        ("rtd1295-vendor", 0, Refusal.NOT_SPIN_TABLE),
        ("bcm4908-old", 0, Refusal.NONE),
        ("bcm4908-new", 0, Refusal.NONE),
        ("tmpv7708", 0, Refusal.NONE),
        ("msm8939-lk2nd", 0x100, Refusal.NONE),
        ("axiado", 0, Refusal.NONE),
        ("apple-a10", 0, Refusal.RELEASE_WORD_BAD),
        ("tfa-left", 0, Refusal.PSCI_PRESENT),
        ("wt88047", 0, Refusal.PSCI_PRESENT),
    ],
)
def test_what_the_pen_says(name: str, boot_id: int, refusal: Refusal) -> None:
    assert pen_survey.pen(blob(name), boot_id).refusal is refusal
    assert pen_survey.checked(blob(name), boot_id)[0].refusal is refusal


def test_f2_a_cpu_by_its_name_alone() -> None:
    board = tree("onenodt")
    assert possible(board) == [0, 1, 2, 3]
    assert len(board.spinning) == 3


def test_f11_failed_for_a_reason() -> None:
    board = tree("fail-sss")
    assert [cpu.excluded for cpu in board.cpus] == [None, None, None, Excluded.FAILED]
    assert possible(board) == [0, 1, 2]
    assert "RP020" not in codes("fail-sss")


@pytest.mark.parametrize("name", ["nocells-root1", "rootnocells"])
def test_f12_f15_cells_that_nobody_says(name: str) -> None:
    board = tree(name)
    assert (board.id_cells, possible(board)) == (1, [0, 1, 2, 3])
    assert [(bank.start, bank.end) for bank in board.memory] == [(0, 0x4000_0000)]
    assert not board.troubles
    assert "RP013" not in codes(name)


def test_f13_what_follows_an_id() -> None:
    assert possible(tree("reg-long")) == [0, 1, 2, 3]
    assert "RP013" not in codes("reg-long")


def test_f20_a_cpu_map_where_linux_does_not_look() -> None:
    (found,) = [found for found in check(tree("rootmap")) if found.code == "RP015"]
    assert found.node == "/cpu-map"
    assert "RP015" in codes("msm8939")


def test_f22_ids_that_no_cpu_has() -> None:
    board = tree("mpidr-mt")
    assert {cpu.excluded for cpu in board.cpus} == {Excluded.STRAY_BITS}
    assert (board.boot, board.boot_evidence) == (None, BootEvidence.MISSING)
    assert possible(board) == []


def test_the_boot_cpu_of_an_m3_is_the_one_without_a_method() -> None:
    board = tree("m3-boot")
    assert board.boot_evidence is BootEvidence.METHOD
    assert board.boot is not None
    assert (board.boot.path, board.boot.number) == ("/cpus/cpu@10100", 0)
    assert [cpu.number for cpu in board.cpus] == [1, 2, 3, 4, 0, 5]
    assert len(board.possible) == 6
    assert "RP002" not in codes("m3-boot")


def test_entered_on_another_cpu_it_is_another() -> None:
    """As kexec from CPU 1 would: then the CPU without a method is not possible."""
    board = tree("m3-boot", boot_id=1)
    assert board.boot_evidence is BootEvidence.TOLD
    assert possible(board) == [0, 1, 2, 3, 0x10101]
    assert board.cpus[4].excluded is Excluded.NO_METHOD


def test_the_boot_cpu_that_lk2nd_leaves_alone() -> None:
    board = tree("mixed-boot")
    assert board.boot_evidence is BootEvidence.METHOD
    assert board.boot is not None
    assert (board.boot.path, board.taken_psci) == ("/cpus/cpu@0", None)


def test_where_nothing_says_so_it_is_said() -> None:
    board = tree("msm8939-lk2nd")
    assert board.boot_evidence is BootEvidence.ASSUMED
    assert not board.boot_known
    assert tree("msm8939-lk2nd", 0x100).cpus[0].is_boot


@pytest.mark.parametrize(
    ("name", "state", "excluded"),
    [
        ("zero", ReleaseState.ZERO, None),
        ("norel", ReleaseState.ABSENT, Excluded.NO_WORD),
        ("rtd1295", ReleaseState.USABLE, None),
        ("base", ReleaseState.USABLE, None),
    ],
)
def test_three_ways_to_have_no_word(
    name: str, state: ReleaseState, excluded: Excluded | None
) -> None:
    for cpu in tree(name).secondaries:
        assert (cpu.release_state, cpu.excluded) == (state, excluded)


def test_psci_0_1_without_cpu_off() -> None:
    taken = tree("psci01-nooff").taken_psci
    assert taken is not None
    assert (taken.matched, taken.cpu_on, taken.cpu_off) == ("arm,psci", True, False)

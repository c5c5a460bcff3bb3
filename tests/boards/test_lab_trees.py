# SPDX-License-Identifier: BSD-2-Clause
"""The trees of the lab's machines, and the kernel's word on the faulty ones.

What Linux says when it boots with each fault is what tests/boot observes; here the same trees
have to give the same reasons without a boot.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

import pytest

from roundpen.check import Board, check, routes, survey
from roundpen.check.rulebook.returning import LINUX_REFUSALS
from roundpen.devicetree import Outline
from roundpen.lab import vendor
from roundpen.lab.emulator import PROGRAM
from roundpen.lab.faults import REASON, Fault, Faulty, reasons
from roundpen.lab.vendor import VirtSpec

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-aarch64") is None, reason="qemu-system-aarch64 is not installed"
)
VISIBLE = [fault for fault in Fault if fault.visible]


def board(spec: VirtSpec, folder: Path) -> Board:
    raw = vendor.qemu_tree(spec, folder, qemu=(PROGRAM,))
    return survey(Outline(vendor.vendor_tree(raw, spec, "quiet"), "a lab machine"))


def codes(found: Board) -> set[str]:
    return {finding.code for finding in check(found) if finding.severity.value != "note"}


@pytest.mark.parametrize("gic", [2, 3])
def test_words_of_their_own(tmp_path: Path, gic: Literal[2, 3]) -> None:
    found = board(VirtSpec(cpus=4, cpu="cortex-a53", gic=gic), tmp_path)
    assert len(found.cpus) == 4
    assert codes(found) == {"RP040"}
    assert [one.name for one in routes(found)[:2]] == ["late", "pen-psci-el2"]


def test_one_word_for_all(tmp_path: Path) -> None:
    found = board(VirtSpec(cpus=4, cpu="cortex-a53", words="shared"), tmp_path)
    assert codes(found) == {"RP024", "RP040"}


def test_more_cpus_than_one_cluster(tmp_path: Path) -> None:
    found = board(VirtSpec(cpus=64, cpu="cortex-a53", gic=3), tmp_path)
    assert len({cpu.hwid for cpu in found.cpus}) == 64
    # QEMU names its CPUs by their number, and the 17th is 0x100.
    assert codes(found) == {"RP010", "RP040"}


def test_firmware_that_takes_cpus_back(tmp_path: Path) -> None:
    found = board(VirtSpec(cpus=4, cpu="cortex-a53", returns=True), tmp_path)
    assert codes(found) == set()
    states = {route.name: route.state.value for route in routes(found)}
    assert states["firmware-return"] == "depends"


@pytest.mark.parametrize("fault", VISIBLE)
def test_the_reason_that_the_kernel_gives(tmp_path: Path, fault: Fault) -> None:
    spec = VirtSpec(cpus=4, cpu="cortex-a53", returns=True, faulty=((2, fault),))
    found = check(board(spec, tmp_path))
    expected = reasons((Faulty(2, fault),), visible=True)
    (code,) = {code for words, code in LINUX_REFUSALS.items() if words.endswith(REASON[fault])}
    named = {each.node for each in found if each.code == code}
    assert named == {f"/cpus/cpu@{number}" for number in expected}
    assert not {each.code for each in found} & (set(LINUX_REFUSALS.values()) - {code})

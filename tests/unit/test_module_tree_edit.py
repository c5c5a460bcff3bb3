# SPDX-License-Identifier: BSD-2-Clause
"""What the module writes into a tree is what the pen writes, and passes the module's check."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path

import libfdt
import pytest
from hypothesis import given, settings

from roundpen.check import survey
from roundpen.check.source import compile_source
from roundpen.contract.layout import Offer, Refusal
from roundpen.devicetree import Outline
from tests.unit import pen_survey
from tests.unit.check_boards import Nodes, around, cpu, dtb, psci, reserved, spin, u64
from tests.unit.module_tree import MODULE, Pen, edited, pen_at, wrong_with
from tests.unit.test_reading_compared import boards

pytestmark = pytest.mark.skipif(pen_survey.compiler() is None, reason="no C compiler here")

FIELD = sorted((Path(__file__).parent / "field").glob("*.dts"))
BASE = pen_survey.REGION


def by_the_pen(tree: bytes, boot_id: int = 0) -> tuple[bytes, Pen] | None:
    """The tree that the pen hands over under the offer return, and the pen that is in it.

    None where it steps aside, and where it keeps a slot for a CPU that is out of use: such a
    CPU is none of the running kernel's, so the module gives it none.
    """
    answer = pen_survey.pen(tree, boot_id, Offer.RETURN)
    after = pen_survey.rewritten(tree, boot_id, Offer.RETURN)
    if answer.refusal is not Refusal.NONE or after is None:
        return None
    if any(found.out_of_use for found in answer.cpus):
        return None
    return packed(after), pen_at(BASE, tuple(found.id for found in answer.cpus))


def packed(tree: bytes) -> bytes:
    fdt = libfdt.Fdt(bytearray(tree))
    fdt.pack()
    return bytes(fdt.as_bytearray()[: fdt.totalsize()])


def edit(tree: bytes, pen: Pen) -> bytes:
    after = edited(tree, pen)
    assert after is not None
    return after


def test_the_pens_own_tree_byte_for_byte() -> None:
    expected = by_the_pen(spin().dtb())
    assert expected is not None
    assert edit(spin().dtb(), expected[1]) == expected[0]


@pytest.mark.parametrize("path", FIELD, ids=lambda path: path.stem)
def test_strangers_trees(path: Path) -> None:
    tree = compile_source(path.read_bytes(), path)
    expected = by_the_pen(tree)
    if expected is None:
        return
    after, pen = expected
    assert edit(tree, pen) == after
    assert wrong_with(after, pen) is None


@settings(max_examples=60, deadline=None)
@given(boards())
def test_any_tree_that_the_pen_takes(nodes: Nodes) -> None:
    """Equal to the pen's, and the module's check passes it; or the check says why it does not."""
    tree = dtb(nodes)
    expected = by_the_pen(tree)
    if expected is None:
        return
    after, pen = expected
    result = edited(tree, pen)
    if result is None:
        # What Linux may read in two ways; the pen reads it in the way of one version.
        assert wrong_with(after, pen) is not None
        return
    assert result == after
    if wrong_with(result, pen) is None:
        board = survey(Outline(result), 0)
        assert {found.hwid: found.word for found in board.possible} == {
            found.mpidr: found.release_word for found in pen.cpus
        }
        assert all(found.entry for found in board.possible)


def test_once_more_changes_nothing() -> None:
    pen = pen_at(BASE)
    once = edit(spin().dtb(), pen)
    assert edit(once, pen) == once
    assert wrong_with(once, pen) is None


def test_a_stale_pen_goes() -> None:
    """rmmod and insmod: the pen is elsewhere, and nothing of the first stays."""
    first, second = pen_at(0x5000_0000), pen_at(BASE)
    after = edit(edit(spin().dtb(), first), second)
    assert wrong_with(after, second) is None
    assert [entry.range.start for entry in survey(Outline(after), 0).reserved if entry.no_map] == [
        BASE
    ]
    assert b"roundpen@50000000" not in after


def test_all_of_two_stale_pens_go() -> None:
    nodes = copy.deepcopy(spin().nodes)
    stale: Nodes = {"compatible": "roundpen,pen-v1", "reg": [0, 0x5000_0000, 0, 0x1_0000]}
    kept: Nodes = {"reg": [0, 0x6000_0000, 0, 0x1000]}
    nodes["reserved-memory"] = reserved(a=stale, b=stale, c=kept, d=stale)
    outline = Outline(edit(dtb(nodes), pen_at(BASE)))
    assert [entry.range.start for entry in survey(outline, 0).reserved] == [BASE, 0x6000_0000]


def test_dtc_reads_it() -> None:
    if shutil.which("dtc") is None:
        pytest.skip("dtc is not installed")
    done = subprocess.run(
        ["dtc", "-I", "dtb", "-O", "dts"],
        input=edit(spin().dtb(), pen_at(BASE)),
        capture_output=True,
        check=True,
    )
    text = done.stdout.decode()
    assert f"roundpen@{BASE:x} {{" in text
    assert text.count("cpu-return-addr") == 4
    assert 'roundpen,offer = "return";' in text
    assert b"_format" not in done.stderr


def with_idle_states() -> Nodes:
    """As a Raspberry Pi 5 with PSCI: one state by PSCI, one that needs none."""
    nodes = copy.deepcopy(psci().nodes)
    nodes["cpus"]["idle-states"] = {
        "sleep": {"phandle": 50, "arm,psci-suspend-param": 0x1_0000},
        "doze": {"phandle": 51, "compatible": "arm,idle-state"},
    }
    nodes["domain"] = {"phandle": 60, "domain-idle-states": [50]}
    for number, states in enumerate(([50, 51], [50], [51])):
        nodes["cpus"][f"cpu@{number}"]["cpu-idle-states"] = states
    nodes["cpus"]["cpu@3"].update({"power-domains": [60], "power-domain-names": "psci"})
    return nodes


def test_psci_becomes_a_spin_table() -> None:
    """The way psci: /psci stays for reset and power-off, and no idle state asks it for more."""
    nodes, pen = with_idle_states(), pen_at(BASE)
    after = edit(dtb(nodes), pen)
    assert wrong_with(after, pen) is None
    before, board = survey(Outline(dtb(nodes)), 0), survey(Outline(after), 0)
    assert {found.method for found in board.possible} == {"spin-table"}
    assert board.taken_psci == before.taken_psci

    fdt = libfdt.Fdt(after)

    def has(number: int, name: str) -> list[int] | None:
        node = fdt.path_offset(f"/cpus/cpu@{number}")
        value = fdt.getprop(node, name, libfdt.QUIET_NOTFOUND)
        if isinstance(value, int):
            return None
        return value.as_uint32_list()  # type: ignore[no-any-return]

    assert [has(number, "cpu-idle-states") for number in range(4)] == [[51], None, [51], None]
    assert (has(3, "power-domains"), has(3, "power-domain-names")) == (None, None)


def test_idle_states_of_a_spin_table_stay() -> None:
    nodes = copy.deepcopy(spin().nodes)
    nodes["cpus"]["cpu@1"]["cpu-idle-states"] = [77]
    assert b"cpu-idle-states" in edit(dtb(nodes), pen_at(BASE))


def without(name: str) -> Nodes:
    parent = reserved()
    del parent[name]
    return {**spin().nodes, "reserved-memory": parent}


@pytest.mark.parametrize(
    ("nodes", "base"),
    [
        (without("ranges"), BASE),
        (without("#size-cells"), BASE),
        ({**spin().nodes, "reserved-memory@0": reserved()}, BASE),
        ({**spin().nodes, "#size-cells": 3}, BASE),
        ({**spin().nodes, "cpus@0": {}}, BASE),
        ({**spin().nodes, "#address-cells": 1}, 0x1_0000_0000),
        # A node of that name that is not ours to replace.
        (
            {
                **spin().nodes,
                "reserved-memory": reserved(**{f"roundpen@{BASE:x}": {"reg": [0, 0, 0, 1]}}),
            },
            BASE,
        ),
    ],
)
def test_an_edit_that_cannot_be(nodes: Nodes, base: int) -> None:
    assert edited(dtb(nodes), pen_at(base)) is None


def test_room_for_as_many_cpus_as_a_pen_has() -> None:
    cpus = {
        f"cpu@{number:x}": cpu(
            number, **{"enable-method": "spin-table", "cpu-release-addr": u64(0xD8)}
        )
        for number in range(128)
    }
    pen = pen_at(BASE, tuple(range(128)))
    assert wrong_with(edit(dtb(around(cpus)), pen), pen) is None


def test_check_finds_the_way_open() -> None:
    """`roundpen check` reads the result as a board with a way back."""
    board = survey(Outline(edit(spin().dtb(), pen_at(BASE))), 0)
    assert all(found.entry for found in board.possible)
    assert board.reservations_ignored is None


def test_names_are_the_contracts() -> None:
    """The properties' names in C are those that the pen writes."""
    theirs = (pen_survey.BOOT / "rewrite.c").read_text()
    ours = (MODULE / "tree_edit.c").read_text()
    for name in ("enable-method", "cpu-release-addr", "cpu-return-addr", "no-map", "reg"):
        assert f'"{name}"' in theirs
        assert f'"{name}"' in ours

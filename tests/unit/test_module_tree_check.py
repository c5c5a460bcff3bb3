# SPDX-License-Identifier: BSD-2-Clause
"""Every way in which the next kernel's tree can be wrong is refused by the module, by name.

A tree that passes wrong is the worst that the late pen can do: the next kernel allocates the
pen's pages while CPUs execute in them. In a trial that happened, with the wrong number of cells
in the node's reg.
"""

from __future__ import annotations

import copy
import re
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundpen.check import survey
from roundpen.check.board import Range
from roundpen.contract.layout import (
    RESERVED_SIZE,
    RESIDENT_RETURN,
    SLOT_OFFSET,
    SLOT_SIZE,
    TREE_MAX,
    Offer,
)
from roundpen.devicetree import Outline
from roundpen.errors import UserError
from tests.unit import pen_survey
from tests.unit.check_boards import Nodes, around, cpu, dtb, reserved, returnable, u64
from tests.unit.module_tree import MODULE, Cpu, Pen, pen_at, wrong_with

pytestmark = pytest.mark.skipif(pen_survey.compiler() is None, reason="no C compiler here")

BASE = 0x4020_0000
PEN = pen_at(BASE)
WORD = BASE + SLOT_OFFSET
RETURN = u64(BASE + RESIDENT_RETURN)

CELLS = "has a node for the pen whose reg is not in the root's cells"
PLACE = "has a node for the pen at another place or of another size"
MORE = "has a node for the pen with more than one place in reg"
TWO = "has two nodes for the pen's memory"
NONE = "has no node for the pen under /reserved-memory"
PARENT = "has another node that may be taken for /reserved-memory"
OTHER_CELLS = "has a /reserved-memory with other cells than the root's"
METHOD = "has a CPU with another enable-method than spin-table"
RELEASE = "has a CPU without a cpu-release-addr of 8 bytes"
NOT_ITS_WORD = "has a cpu-release-addr that is not in the pen, or is another CPU's"
ENTRY = "has a CPU without a cpu-return-addr of 8 bytes"
ANOTHERS = "has a CPU's id in another's node"
TWICE = "has two nodes for one CPU"
STRANGER = "has a word in the pen for a CPU that is not there"
CPUS = "has no /cpus, or two, or ids that are not of one or two cells"


def good(base: int = BASE, count: int = 4) -> Nodes:
    """What the pen writes, on a board of four."""
    cpus = {
        f"cpu@{number:x}": cpu(
            number,
            **{
                "enable-method": "spin-table",
                "cpu-release-addr": u64(base + SLOT_OFFSET + SLOT_SIZE * number),
                "cpu-return-addr": u64(base + RESIDENT_RETURN),
            },
        )
        for number in range(count)
    }
    return around(
        cpus,
        **{
            "reserved-memory": reserved(**{f"roundpen@{base:x}": node(base)}),
            "chosen": {"roundpen,offer": "return"},
        },
    )


def node(base: int = BASE, size: int = RESERVED_SIZE) -> Nodes:
    return {"compatible": "roundpen,pen-v1", "reg": [0, base, 0, size], "no-map": None}


def changed(path: str, value: object = ...) -> Nodes:
    """The good tree with one property or node set, or taken away."""
    nodes = copy.deepcopy(good())
    *parents, name = path.split("/")
    place = nodes
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is ...:
        del place[name]
    else:
        place[name] = value
    return nodes


def with_node(**values: object) -> Nodes:
    """The good tree with other properties in the pen's node; ... takes one away."""
    changes = {name.replace("_", "-"): value for name, value in values.items()}
    pen = {name: value for name, value in {**node(), **changes}.items() if value is not ...}
    return changed(f"reserved-memory/roundpen@{BASE:x}", pen)


def with_cells(address: int, size: int, reg: list[int]) -> Nodes:
    """The good tree with other cells, right but for the node's reg."""
    nodes = with_node(reg=reg)
    for place in (nodes, nodes["reserved-memory"]):
        place.update({"#address-cells": address, "#size-cells": size})
    return nodes


PEN_NODE = f"reserved-memory/roundpen@{BASE:x}"
CPU2 = "cpus/cpu@2"


# --- trees that are right ------------------------------------------------------------------


def test_what_the_pen_writes_passes() -> None:
    assert wrong_with(dtb(good()), PEN) is None


RIGHT: dict[str, Nodes] = {
    "a node beside it": changed(
        "reserved-memory/atf@50000000", {"reg": [0, 0x5000_0000, 0, 0x1_0000], "no-map": None}
    ),
    "a node right before it": changed(
        "reserved-memory/a", {"reg": [0, BASE - 0x1000, 0, 0x1000], "no-map": None}
    ),
    "a pool without a place": changed("reserved-memory/pool", {"size": [0, 0x40_0000]}),
    "status okay": with_node(status="okay"),
    "more compatible strings": with_node(compatible=["roundpen,pen-v1", "x,y"]),
    "addresses of one cell": with_cells(1, 1, [BASE, RESERVED_SIZE]),
    "as a Raspberry Pi 4's": with_cells(2, 1, [0, BASE, RESERVED_SIZE]),
    "no word of what is offered": changed("chosen"),
    "an initrd elsewhere": changed(
        "chosen",
        {"linux,initrd-start": u64(BASE + RESERVED_SIZE), "linux,initrd-end": u64(0x4800_0000)},
    ),
    "a CPU that this kernel leaves alone": changed(
        "cpus/cpu@4", cpu(4, **{"enable-method": "spin-table", "cpu-release-addr": u64(0xD8)})
    ),
    "a method without an end, as Linux reads it": changed(f"{CPU2}/enable-method", b"spin-table"),
    "the boot CPU's id behind its own": changed(f"{CPU2}/reg", [2, 0]),
    "an id that nobody has behind its own": changed(f"{CPU2}/reg", [2, 9]),
    "a method list that begins with spin-table": changed(
        f"{CPU2}/enable-method", ["spin-table", "psci"]
    ),
}


@pytest.mark.parametrize("nodes", RIGHT.values(), ids=RIGHT)
def test_right(nodes: Nodes) -> None:
    assert wrong_with(dtb(nodes), PEN) is None


def test_reservations_elsewhere_do_no_harm() -> None:
    tree = dtb(good(), ((0, 0x1000), (BASE + RESERVED_SIZE, 0x1000)))
    assert wrong_with(tree, PEN) is None


def test_what_follows_the_tree_does_not_matter() -> None:
    """A segment of kexec goes to the end of a page."""
    assert wrong_with(dtb(good()) + b"\xff" * 5000, PEN) is None


def test_ids_of_clusters_in_two_cells() -> None:
    nodes = copy.deepcopy(good())
    nodes["cpus"]["#address-cells"] = 2
    ids = (0, 1, 0x100, 0x100000000 + 1)
    for number, mpidr in enumerate(ids):
        nodes["cpus"][f"cpu@{number}"]["reg"] = u64(mpidr)
    assert wrong_with(dtb(nodes), pen_at(BASE, ids)) is None
    assert wrong_with(dtb(nodes), pen_at(BASE, (0, 1, 0x100, 1 << 32))) == STRANGER


def test_cpus_in_another_order_than_their_numbers() -> None:
    pen = Pen(BASE, tuple(reversed(PEN.cpus)))
    assert wrong_with(dtb(good()), pen) is None


FIRMWARE = Pen(
    0x4010_0000,
    tuple(Cpu(number, 0x4010_2000 + 256 * number, 0x4010_0040) for number in range(4)),
    made=False,
    ours=False,
)


def test_firmware_with_the_contract() -> None:
    assert wrong_with(returnable().dtb(), FIRMWARE) is None


@pytest.mark.parametrize(
    ("pen", "expected"),
    [
        (Pen(BASE, PEN.cpus[:2], made=False), None),
        (Pen(BASE, PEN.cpus[:2]), STRANGER),
    ],
)
def test_fewer_cpus_than_the_pen_has(pen: Pen, expected: str | None) -> None:
    """nr_cpus=2 under a pen that was there before; to one that we made nobody else came."""
    assert wrong_with(dtb(good()), pen) == expected


# --- trees that are wrong ------------------------------------------------------------------

NODE_WRONG: dict[str, tuple[Nodes, str]] = {
    "no reserved-memory": (changed("reserved-memory"), "has no /reserved-memory"),
    "no node": (changed(PEN_NODE), NONE),
    "the node in the root": (
        {**changed(PEN_NODE), f"roundpen@{BASE:x}": node()},
        NONE,
    ),
    "the node under another reserved-memory": (
        {**changed("reserved-memory"), "soc": {"reserved-memory": good()["reserved-memory"]}},
        "has no /reserved-memory",
    ),
    "the node one deeper": (
        changed("reserved-memory", reserved(bus=reserved(**{f"roundpen@{BASE:x}": node()}))),
        NONE,
    ),
    "reserved-memory with a unit address": (
        {
            **changed("reserved-memory"),
            "reserved-memory@0": good()["reserved-memory"],
        },
        PARENT,
    ),
    "two reserved-memory": (
        {**good(), "reserved-memory@0": reserved()},
        PARENT,
    ),
    "no ranges": (changed("reserved-memory/ranges"), "has a /reserved-memory without ranges"),
    "no #address-cells": (changed("reserved-memory/#address-cells"), OTHER_CELLS),
    "no #size-cells": (changed("reserved-memory/#size-cells"), OTHER_CELLS),
    "another #address-cells": (changed("reserved-memory/#address-cells", 1), OTHER_CELLS),
    "another #size-cells": (changed("reserved-memory/#size-cells", 1), OTHER_CELLS),
    "root with three cells": (
        changed("#size-cells", 3),
        "has a root without usable #address-cells and #size-cells",
    ),
    "root with half a cell": (
        changed("#address-cells", b"\0\2"),
        "has a root without usable #address-cells and #size-cells",
    ),
    "no no-map": (with_node(no_map=...), "has a node for the pen without no-map"),
    "reusable instead of no-map": (
        with_node(no_map=..., reusable=None),
        "has a node for the pen without no-map",
    ),
    "not compatible": (
        with_node(compatible="shared-dma-pool"),
        "has a node for the pen that is not compatible with roundpen,pen-v1",
    ),
    **{
        f"status {status!r}": (
            with_node(status=status),
            "has a node for the pen that is out of use by its status",
        )
        for status in ("disabled", "fail", "", "okay2", "reserved")
    },
    # The wrong number of cells, each as somebody's tool would write it.
    "reg missing": (with_node(reg=...), CELLS),
    "reg empty": (with_node(reg=None), CELLS),
    "reg of 1+1 cells where the root has 2+2": (with_node(reg=[BASE, RESERVED_SIZE]), CELLS),
    "reg of 2+1 cells where the root has 2+2": (with_node(reg=[0, BASE, RESERVED_SIZE]), CELLS),
    "reg of 2+2 cells where the root has 2+1": (
        with_cells(2, 1, [0, BASE, 0, RESERVED_SIZE]),
        CELLS,
    ),
    "reg of 1+2 cells where the root has 2+1": (
        with_cells(2, 1, [BASE, 0, RESERVED_SIZE]),
        PLACE,
    ),
    "reg of 1+1 cells where the root has 2+1": (with_cells(2, 1, [BASE, RESERVED_SIZE]), CELLS),
    "reg of 2+2 cells where the root has 1+1": (
        with_cells(1, 1, [0, BASE, 0, RESERVED_SIZE]),
        MORE,
    ),
    "reg of 2+1 cells where the root has 1+1": (with_cells(1, 1, [0, BASE, RESERVED_SIZE]), CELLS),
    "reg with a rest": (with_node(reg=[0, BASE, 0, RESERVED_SIZE, 0]), CELLS),
    "reg with two places": (
        with_node(reg=[0, BASE, 0, RESERVED_SIZE, 0, 0x5000_0000, 0, 0x1000]),
        MORE,
    ),
    "little-endian reg": (
        with_node(reg=struct.pack("<QQ", BASE, RESERVED_SIZE)),
        PLACE,
    ),
    "a page too small": (with_node(reg=[0, BASE, 0, RESERVED_SIZE - 0x1000]), PLACE),
    "a page too large": (with_node(reg=[0, BASE, 0, RESERVED_SIZE + 0x1000]), PLACE),
    "no size": (with_node(reg=[0, BASE, 0, 0]), PLACE),
    "all memory": (with_node(reg=[0, 0, 0xFFFF_FFFF, 0xFFFF_FFFF]), PLACE),
    "beyond the end": (with_node(reg=[0xFFFF_FFFF, 0xFFFF_0000, 0, 0x2_0000]), PLACE),
    "another place": (with_node(reg=[0, BASE + RESERVED_SIZE, 0, RESERVED_SIZE]), PLACE),
    "a page off": (with_node(reg=[0, BASE - 0x1000, 0, RESERVED_SIZE]), PLACE),
    "four GiB off": (with_node(reg=[1, BASE, 0, RESERVED_SIZE]), PLACE),
    "two pens": (
        changed("reserved-memory/roundpen@50000000", node(0x5000_0000)),
        TWO,
    ),
    "a pen under another name": (
        changed("reserved-memory/firmware", node(0x5000_0000)),
        TWO,
    ),
    "a node over its first page": (
        changed("reserved-memory/a", {"reg": [0, BASE - 0x1000, 0, 0x2000]}),
        TWO,
    ),
    "a node over its last byte": (
        changed("reserved-memory/a", {"reg": [0, BASE + RESERVED_SIZE - 1, 0, 0x1000]}),
        TWO,
    ),
    "a node over it that is out of use": (
        changed("reserved-memory/a", {"reg": [0, BASE, 0, 0x1000], "status": "disabled"}),
        TWO,
    ),
    "a node over it whose size wraps": (
        changed("reserved-memory/a", {"reg": [0, 1, 0xFFFF_FFFF, 0xFFFF_FFFF]}),
        TWO,
    ),
    "an initrd over it": (
        changed(
            "chosen",
            {"linux,initrd-start": BASE - 0x1000, "linux,initrd-end": u64(BASE + 1)},
        ),
        "has an initrd over the pen",
    ),
}

CPU_WRONG: dict[str, tuple[Nodes, str]] = {
    "no cpus": (changed("cpus"), CPUS),
    "cpus with a unit address": ({**changed("cpus"), "cpus@0": good()["cpus"]}, CPUS),
    "two cpus": ({**good(), "cpus@0": {}}, CPUS),
    "ids of three cells": (changed("cpus/#address-cells", 3), CPUS),
    "ids of no cell": (changed("cpus/#address-cells", 0), CPUS),
    "ids of two cells": (changed("cpus/#address-cells", 2), "lacks a CPU"),
    "a CPU missing": (changed(CPU2), "lacks a CPU"),
    "a CPU by another name": (
        {
            **changed(CPU2),
            "cpus": {**changed(CPU2)["cpus"], "core": {"reg": 2, "device_type": "x"}},
        },
        "lacks a CPU",
    ),
    "a CPU without an id": (changed(f"{CPU2}/reg"), "lacks a CPU"),
    "another id": (changed(f"{CPU2}/reg", 0x102), STRANGER),
    "an id with more bits": (changed(f"{CPU2}/reg", 0x8000_0002), STRANGER),
    "a CPU twice": (changed("cpus/cpu@7", good()["cpus"]["cpu@2"]), TWICE),
    "a CPU twice, another missing": (
        changed("cpus/cpu@3", good()["cpus"]["cpu@2"]),
        TWICE,
    ),
    "its id in another's node": (changed("cpus/cpu@1/reg", [1, 2]), ANOTHERS),
    "its id behind one that nobody has": (
        {**good(), "cpus": {"cpu@9": cpu(0, reg=[0xFFFF_FFFF, 2]), **good()["cpus"]}},
        ANOTHERS,
    ),
    "status fail": (changed(f"{CPU2}/status", "fail"), "has a CPU whose status is fail"),
    "status fail-fused": (
        changed(f"{CPU2}/status", "fail-fused"),
        "has a CPU whose status is fail",
    ),
    "no method": (changed(f"{CPU2}/enable-method"), METHOD),
    "psci": (changed(f"{CPU2}/enable-method", "psci"), METHOD),
    "psci before spin-table": (changed(f"{CPU2}/enable-method", ["psci", "spin-table"]), METHOD),
    "a longer method": (changed(f"{CPU2}/enable-method", "spin-table2"), METHOD),
    "the boot CPU by psci": (changed("cpus/cpu@0/enable-method", "psci"), METHOD),
    "no word": (changed(f"{CPU2}/cpu-release-addr"), RELEASE),
    "a word of 4 bytes": (changed(f"{CPU2}/cpu-release-addr", WORD + 0x200), RELEASE),
    "a word of 16 bytes": (changed(f"{CPU2}/cpu-release-addr", u64(WORD + 0x200) * 2), RELEASE),
    "a word at 0": (changed(f"{CPU2}/cpu-release-addr", u64(0)), NOT_ITS_WORD),
    "firmware's word": (changed(f"{CPU2}/cpu-release-addr", u64(0xE8)), NOT_ITS_WORD),
    "another CPU's word": (changed(f"{CPU2}/cpu-release-addr", u64(WORD + 0x100)), NOT_ITS_WORD),
    "a free slot": (changed(f"{CPU2}/cpu-release-addr", u64(WORD + 0x400)), NOT_ITS_WORD),
    "a word off by 8": (changed(f"{CPU2}/cpu-release-addr", u64(WORD + 0x208)), NOT_ITS_WORD),
    "the boot CPU's word missing": (changed("cpus/cpu@0/cpu-release-addr"), RELEASE),
    "no entry": (changed(f"{CPU2}/cpu-return-addr"), ENTRY),
    "an entry of 4 bytes": (changed(f"{CPU2}/cpu-return-addr", BASE + RESIDENT_RETURN), ENTRY),
    "another entry": (
        changed(f"{CPU2}/cpu-return-addr", u64(BASE)),
        "has a cpu-return-addr that is not the pen's",
    ),
    "words of another pen": (
        {**good(), "cpus": good(0x5000_0000)["cpus"]},
        NOT_ITS_WORD,
    ),
    "a stranger in the pen": (
        changed(
            "cpus/cpu@9",
            cpu(9, **{"enable-method": "spin-table", "cpu-release-addr": u64(WORD + 0x900)}),
        ),
        STRANGER,
    ),
    "a stranger with a way into the pen": (
        changed(
            "cpus/cpu@9",
            cpu(9, **{"cpu-release-addr": u64(0xE8), "cpu-return-addr": RETURN}),
        ),
        "has a way into the pen for a CPU that is not there",
    ),
}


@pytest.mark.parametrize(("nodes", "expected"), NODE_WRONG.values(), ids=NODE_WRONG)
def test_wrong_reservation(nodes: Nodes, expected: str) -> None:
    assert wrong_with(dtb(nodes), PEN) == expected


@pytest.mark.parametrize(("nodes", "expected"), CPU_WRONG.values(), ids=CPU_WRONG)
def test_wrong_cpus(nodes: Nodes, expected: str) -> None:
    assert wrong_with(dtb(nodes), PEN) == expected


def test_the_whole_tree_of_another_pen() -> None:
    """The running tree of the kernel before, saved and given by --dtb."""
    assert wrong_with(dtb(good(0x5000_0000)), PEN) == PLACE


def test_memreserve_is_no_substitute() -> None:
    assert wrong_with(dtb(changed(PEN_NODE), ((BASE, RESERVED_SIZE),)), PEN) == NONE


@pytest.mark.parametrize(
    "entry",
    [(BASE, RESERVED_SIZE), (BASE - 1, 2), (BASE + RESERVED_SIZE - 1, 1), (1, (1 << 64) - 1)],
)
def test_memreserve_undoes_no_map(entry: tuple[int, int]) -> None:
    """6.1 reserves /memreserve/ first, and then answers -EBUSY to the node's no-map."""
    expected = "has a /memreserve/ over the pen, which undoes its no-map"
    assert wrong_with(dtb(good(), (entry,)), PEN) == expected


def test_firmware_pens_are_looked_at_as_hard() -> None:
    def asked(change: Callable[[Nodes], object]) -> str | None:
        nodes = copy.deepcopy(returnable().nodes)
        change(nodes)
        return wrong_with(dtb(nodes), FIRMWARE)

    place = "firmware@40100000"
    assert asked(lambda nodes: nodes["reserved-memory"][place].pop("no-map")) is not None
    assert asked(lambda nodes: nodes["reserved-memory"].pop(place)) == NONE
    assert asked(lambda nodes: nodes["cpus"]["cpu@1"].pop("cpu-return-addr")) == ENTRY
    beside = {"reg": [0, 0x4010_0000, 0, 0x8000]}
    assert asked(lambda nodes: nodes["reserved-memory"].update({place: beside})) == PLACE


# --- blobs ---------------------------------------------------------------------------------

GOOD = dtb(good())
GOOD = GOOD[: int.from_bytes(GOOD[4:8], "big")]
"""Without what pylibfdt leaves behind the tree."""


def patched(offset: int, value: int) -> bytes:
    tree = bytearray(GOOD)
    struct.pack_into(">I", tree, offset, value)
    return bytes(tree)


HEADER = {
    "magic": 0,
    "totalsize": 4,
    "structs": 8,
    "strings": 12,
    "reserve": 16,
    "version": 20,
    "last": 24,
}


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (b"", "is cut off"),
        (GOOD[:39], "is cut off"),
        (GOOD[:-1], "is cut off"),
        (patched(HEADER["magic"], 0xD00D_FEEE), "is no device tree"),
        (patched(HEADER["totalsize"], len(GOOD) + 4096), "is cut off"),
        (patched(HEADER["totalsize"], 0x8000_0000), "is cut off"),
        (patched(HEADER["structs"], len(GOOD) - 4), "is cut off"),
        (patched(HEADER["structs"], 0x39), "is damaged"),
        (patched(HEADER["reserve"], 0x2C), "is damaged"),
        (patched(HEADER["strings"], 0xFFFF_FFF0), "is cut off"),
        (patched(HEADER["version"], 16), "is of an old version"),
        (patched(HEADER["last"], 2), "is of an old version"),
    ],
)
def test_hostile_blobs(tree: bytes, expected: str) -> None:
    assert wrong_with(tree, PEN) == expected


def test_more_than_linux_takes() -> None:
    tree = dtb({**good(), "padding": b"\0" * TREE_MAX})
    assert wrong_with(tree, PEN) == "is larger than 2 MiB"


def test_cut_off_anywhere() -> None:
    assert all(wrong_with(GOOD[:length], PEN) for length in range(0, len(GOOD), 7))


def meaning(tree: bytes) -> Sequence[object]:
    """What Linux would make of it, by `check`'s reading: the pen's memory, each CPU's way."""
    board = survey(Outline(tree), 0)
    places = [
        (entry.range, entry.no_map)
        for entry in board.reserved
        if entry.range.overlaps(Range(BASE, BASE + RESERVED_SIZE))
    ]
    ours = {cpu.mpidr for cpu in PEN.cpus}
    cpus = sorted(
        (cpu.hwid or 0, cpu.method, cpu.word, cpu.entry)
        for cpu in board.possible
        if cpu.hwid in ours
    )
    return [board.reservations_ignored, places, cpus]


def words(tree: bytes) -> list[tuple[int, int]]:
    """Each CPU's id and word as the pen's own C reads them."""
    answer = pen_survey.pen(tree, 0, Offer.RETURN)
    return sorted((found.id, found.word) for found in answer.cpus)


DAMAGE = st.lists(
    st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4
)


@settings(max_examples=400, deadline=None)
@given(DAMAGE)
def test_damage_never_passes_unless_it_means_the_same(damage: list[tuple[int, int]]) -> None:
    tree = bytearray(GOOD)
    for offset, value in damage:
        tree[offset] = value
    if wrong_with(bytes(tree), PEN) is not None:
        return
    try:
        assert meaning(bytes(tree)) == meaning(GOOD)
    except UserError:
        # `check` takes no name with such a letter; Linux does, and so does the pen.
        assert words(bytes(tree)) == words(GOOD)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_noise_behind_a_header(noise: bytes) -> None:
    assert wrong_with(GOOD[:40] + noise, PEN) is not None


def test_each_reason_has_a_test() -> None:
    source = (MODULE / "tree_check.c").read_text()
    reasons = {
        text.replace('" COMPATIBLE', "roundpen,pen-v1").rstrip('"')
        for text in re.findall(r'"((?:has|lacks|is) [^"]*"(?: COMPATIBLE)?)', source)
    }
    tests = Path(__file__).read_text()
    assert len(reasons) > 25
    assert {reason for reason in reasons if f'"{reason}"' not in tests} == set()

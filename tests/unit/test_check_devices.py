# SPDX-License-Identifier: BSD-2-Clause
"""Whether an address is a device's register: through buses, and only of what the CPUs see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen.check.devices import registers
from roundpen.devicetree import Outline
from tests.unit.check_boards import Nodes, changed, dtb, spin, u64

WORD = 0x9801_AA40
BUS: Nodes = {"compatible": "simple-bus", "#address-cells": 1, "#size-cells": 1}


def asked(nodes: Nodes, *addresses: int) -> dict[int, str]:
    return registers(Outline(dtb(nodes), "a tree").root, addresses)


def under(bus: Nodes) -> Nodes:
    return {"#address-cells": 2, "#size-cells": 2, "bus@98000000": {**BUS, **bus}}


SB2: Nodes = {"compatible": "syscon", "reg": [0x1_A000, 0x1000]}
WHOLE: Nodes = {"compatible": "syscon", "reg": [0x9801_A000, 0x1000]}


@pytest.mark.parametrize(
    ("nodes", "path"),
    [
        (under({"ranges": [0, 0, 0x9800_0000, 0x20_0000], "sb2@1a000": SB2}), "/sb2@1a000"),
        (under({"ranges": None, "sb2@9801a000": WHOLE}), "/sb2@9801a000"),
        (under({"ranges": [0, 0, 0x9800_0000, 0x1_0000], "sb2@1a000": SB2}), None),
        (under({"sb2@1a000": SB2}), None),  # the CPUs don't see a bus without ranges
        (under({"ranges": None, "ram@9801a000": {**WHOLE, "compatible": "mmio-sram"}}), None),
    ],
)
def test_buses(nodes: Nodes, path: str | None) -> None:
    found = asked(nodes, WORD, 0x1000)
    assert found == ({} if path is None else {WORD: f"/bus@98000000{path}"})


def test_memory_and_cpus_are_no_devices() -> None:
    sample = spin()
    assert asked(sample.nodes, 0x4000_0100, 2) == {}


def test_only_words_outside_of_ram_are_asked_for() -> None:
    device: Nodes = {"compatible": "x", "reg": [0, 0x9801_A000, 0, 0x1000]}
    sample = changed(spin(), "cpus/cpu@1", cpu_release_addr=u64(WORD))
    board = changed(sample, "/", **{"sb2@9801a000": device}).board()
    assert board.registers == {WORD: "/sb2@9801a000"}


@given(
    st.lists(st.integers(0, 0xFFFF_FFFF), max_size=9),
    st.lists(st.integers(0, 0xFFFF_FFFF), max_size=9),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_nonsense_ends(ranges: list[int], reg: list[int], address: int, size: int) -> None:
    bus = {"ranges": ranges or None, "#address-cells": address, "#size-cells": size}
    for found in asked(under({**bus, "x": {"reg": reg or None}}), 0, WORD, 1 << 63):
        assert found in (0, WORD, 1 << 63)

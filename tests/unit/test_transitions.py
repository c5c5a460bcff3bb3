# SPDX-License-Identifier: BSD-2-Clause
"""The CPU states' ways: as the documents draw them, and as code asks for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roundpen.contract.layout import CpuState, Offer
from roundpen.contract.transitions import TRANSITIONS, Writer, allowed, way

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "architecture.md"
_ARROW = re.compile(r" --([^>]+?)--> ")


def drawn() -> set[tuple[str, str]]:
    """The arrows of the block behind "A CPU's way through the pen"."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    block = text.split("### A CPU's way through the pen")[1].split("```")[1]
    found = set()
    for line in block.strip().splitlines():
        pieces = _ARROW.split(line)
        for before, after in zip(pieces[::2], pieces[2::2], strict=False):
            found |= {(one.strip(), after.strip()) for one in before.split(",")}
    return found


def test_documents_draw_exactly_these() -> None:
    table = {(one.before.name, one.after.name) for one in TRANSITIONS}
    assert drawn() == {(before, after) for before, after in table if before != after}


def test_every_state_is_reached() -> None:
    assert {one.after for one in TRANSITIONS} | {CpuState.ABSENT} == set(CpuState)


@pytest.mark.parametrize(
    ("before", "after", "writer", "offer", "good"),
    [
        (CpuState.OFF, CpuState.ON_PENDING, Writer.CALLER, Offer.PSCI, True),
        (CpuState.OFF, CpuState.ON_PENDING, Writer.ITSELF, Offer.PSCI, False),
        (CpuState.OFF, CpuState.ON_PENDING, Writer.CALLER, Offer.RETURN, False),
        (CpuState.ON, CpuState.OFF, Writer.ITSELF, Offer.RETURN, True),
        (CpuState.ON, CpuState.OFF, Writer.ITSELF, Offer.PSCI, False),
        (CpuState.OFF_PENDING, CpuState.ON_PENDING, Writer.CALLER, Offer.PSCI, False),
        (CpuState.DEAD, CpuState.OFF, Writer.ITSELF, Offer.PSCI, False),
    ],
)
def test_who_may_do_what(
    before: CpuState, after: CpuState, writer: Writer, offer: Offer, good: bool
) -> None:
    assert allowed(before, after, writer, offer) is good


def test_way_names_the_event() -> None:
    step = way(CpuState.ON, CpuState.OFF_PENDING, Offer.PSCI)
    assert step is not None
    assert step.event == "CPU_OFF"
    assert way(CpuState.ON, CpuState.OFF_PENDING, Offer.RETURN) is None

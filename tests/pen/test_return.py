# SPDX-License-Identifier: BSD-2-Clause
"""The pen's `return` offer: words and return entries by the contract, at both levels."""

from __future__ import annotations

import pytest

from roundpen.contract import layout
from roundpen.contract.layout import CpuState, Offer
from roundpen.lab.vendor import VirtSpec
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome

CYCLES = 200


def on_return(bench: Bench, spec: VirtSpec, *, cycles: int = CYCLES) -> Outcome:
    """Ask the tree where the words are, then run the test against exactly those."""
    look = bench.on_pen(spec, Tests.NONE, offer=Offer.RETURN)
    look.check_all()
    base = look.logbook.base
    return bench.on_pen(
        spec,
        Tests.RETURN,
        offer=Offer.RETURN,
        word=base + layout.SLOT_OFFSET,
        word_stride=layout.SLOT_SIZE,
        return_entry=base + layout.RESIDENT_RETURN,
        cycles=cycles,
    )


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("words", ["unique", "shared"])
@pytest.mark.parametrize("cpu", ["cortex-a72", "max"])
def test_release_and_return(bench: Bench, level: int, words: str, cpu: str) -> None:
    spec = VirtSpec(entry_level=level, words=words, cpu=cpu)  # type: ignore[arg-type]
    outcome = on_return(bench, spec)
    outcome.check_all()
    assert len(outcome.cases["return-cycles"]) == 3
    logbook = outcome.logbook
    assert (logbook.offer, logbook.entry_level) == (Offer.RETURN, level)
    for entry in logbook.cpus:
        counts = (1, 0) if entry.is_boot else (CYCLES + 1, CYCLES + 1)
        assert (entry.released, entry.returned) == counts
        assert entry.state == (CpuState.ON if entry.is_boot else CpuState.OFF)


@pytest.mark.parametrize("cpus", [32])
def test_clusters(bench: Bench, cpus: int) -> None:
    on_return(bench, VirtSpec(cpus=cpus, gic=3), cycles=20).check_all()


def test_the_tree_follows_the_contract(bench: Bench) -> None:
    outcome = bench.on_pen(VirtSpec(words="shared"), Tests.NONE, offer=Offer.RETURN)
    tree, base = outcome.tree, outcome.logbook.base
    assert tree.text("/chosen", layout.CHOSEN_OFFER) == "return"
    assert not tree.has("/psci")
    words = set()
    for path in tree.children("/cpus"):
        if tree.text(path, "device_type") != "cpu":
            continue
        assert tree.text(path, "enable-method") == "spin-table"
        high, low = tree.cells(path, "cpu-release-addr")
        words.add(high << 32 | low)
        high, low = tree.cells(path, "cpu-return-addr")
        assert high << 32 | low == base + layout.RESIDENT_RETURN
    assert len(words) == 4
    assert all(word % layout.SLOT_SIZE == 0 for word in words)
    assert all(base <= word < base + layout.RESERVED_SIZE for word in words)

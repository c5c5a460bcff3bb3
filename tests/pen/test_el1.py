# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel finds at EL1: its state after every CPU_ON, and every feature of the CPU."""

from __future__ import annotations

import pytest

from roundpen.lab.vendor import VirtSpec
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome

SPECS = {
    "a53-gicv2-clean": VirtSpec(cpu="cortex-a53"),
    "a53-gicv2": VirtSpec(cpu="cortex-a53"),
    "a72-gicv3": VirtSpec(gic=3),
    "max-gicv2": VirtSpec(cpu="max", mte=True),
    "max-gicv3": VirtSpec(cpu="max", gic=3, mte=True),
}
FEATURES = (
    "identity", "fp", "sve", "sme", "pauth", "mte", "pmu", "timers", "gicv3", "translation",
    "debug", "caches", "misc",
)  # fmt: skip
HAS_NONE = {
    "sve": ("a53", "a72"),
    "sme": ("a53", "a72"),
    "pauth": ("a53", "a72"),
    "mte": ("a53", "a72"),
    "gicv3": ("gicv2",),
}


@pytest.fixture(scope="module", params=list(SPECS))
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def outcome(machine: str, bench: Bench) -> Outcome:
    return bench.on_pen(
        SPECS[machine], Tests.STATE | Tests.FEATURES, dirty=not machine.endswith("clean")
    )


def test_el1_is_the_same_each_time(outcome: Outcome) -> None:
    outcome.check("state")
    # 3 secondaries, first and twice after a dirty CPU_OFF, and the boot CPU; 21 registers each.
    assert len(outcome.cases["state"]) == (3 * 3 + 1) * 21


@pytest.mark.parametrize("feature", FEATURES)
def test_feature(machine: str, outcome: Outcome, feature: str) -> None:
    """On the boot CPU, on each secondary, and there again after a dirty CPU_OFF."""
    found = [
        (good, detail)
        for good, detail in outcome.cases.get("feature", [])
        if detail.startswith(f"{feature} cpu")
    ]
    assert len(found) == 1 + 3 * 2, outcome.story()
    assert [detail for good, detail in found if not good] == []
    none = any(part in machine for part in HAS_NONE.get(feature, ()))
    assert all(("has none" in detail) == none for _, detail in found), found


def test_ends_well(outcome: Outcome) -> None:
    outcome.check_all()


def test_yardstick(bench: Bench) -> None:
    bench.on_qemu_psci(SPECS["max-gicv3"], Tests.STATE | Tests.FEATURES).check_all()

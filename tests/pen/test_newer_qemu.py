# SPDX-License-Identifier: BSD-2-Clause
"""QEMU 10 from Debian, where the host's is older: fine-grained traps, and alignment as on boards.

QEMU 7.2's `max` has no FEAT_FGT, and takes unaligned accesses with the MMU off.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from roundpen.errors import MachineError
from roundpen.lab import emulator
from roundpen.lab.vendor import VirtSpec
from tests.pen.altered import altered_pen
from tests.pen.config import Tests
from tests.pen.harness import Bench
from tests.pen.test_faults import reordered

CPUS = {
    "max": (VirtSpec(cpu="max", gic=3, mte=True), 256),
    "neoverse-v1": (VirtSpec(cpu="neoverse-v1", gic=3), 32),
    "cortex-a76": (VirtSpec(cpu="cortex-a76", gic=3), 0),
    "cortex-a72": (VirtSpec(words="shared"), 0),
}
TESTS = Tests.CALLS | Tests.ERRORS | Tests.REGISTERS | Tests.SUSPEND | Tests.STATE | Tests.FEATURES


@pytest.fixture(scope="module")
def newer(bench: Bench) -> Bench:
    try:
        found = emulator.from_debian()
    except MachineError as error:
        pytest.skip(f"no newer QEMU: {error}")
    return Bench(bench.root, found.command)


@pytest.mark.parametrize("cpu", list(CPUS))
def test_all(newer: Bench, cpu: str) -> None:
    spec, sve_bytes = CPUS[cpu]
    newer.on_pen(spec, TESTS, sve_bytes=sve_bytes).check_all()


def test_blocks_of_the_tree_not_in_libfdts_order(newer: Bench) -> None:
    """One unaligned store of eight bytes hung this QEMU, and would have hung a board."""
    order = ("reservations", "strings", "structure")
    spec = VirtSpec()
    newer.on_pen(
        spec, Tests.CALLS, tree=lambda data: reordered(data, order), timeout=30
    ).check_all()


def test_fine_grained_trap_left_on_is_noticed(newer: Bench, tmp_path: Path) -> None:
    pen = altered_pen(
        tmp_path, "resident/open.c", "write_register(HFGRTR_EL2, 0xfff4ull << 48);",
        "write_register(HFGRTR_EL2, 0);",
    )  # fmt: skip
    spec, sve_bytes = CPUS["max"]
    outcome = newer.on_pen(spec, Tests.FEATURES, sve_bytes=sve_bytes, pen=pen, timeout=20)
    assert any("sme" in detail for detail in outcome.bad()), outcome.story()

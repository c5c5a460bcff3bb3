# SPDX-License-Identifier: BSD-2-Clause
"""Linux's own PSCI checker: somebody else's opinion of our CPU_OFF, CPU_ON and CPU_SUSPEND.

QEMU's PSCI is the yardstick: what the checker says there, it must say of the pen.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.boot.trimmed_boot import PEN, YARDSTICK, boot

CPUS = 4
CYCLES = 10
"""NUM_SUSPEND_CYCLE in drivers/firmware/psci/psci_checker.c."""


@pytest.mark.parametrize("machine", [PEN, "virt-shared-el2-gicv3-4-max", YARDSTICK])
def test_psci_checker_passes(machine: str, tmp_path: Path) -> None:
    lines = boot(
        machine, "psci-checker", "", r"psci_checker: PSCI checker completed", 120, tmp_path
    )
    said = [line.split("psci_checker: ", 1)[1] for line in lines if "psci_checker: " in line]
    assert f"PSCI checker started using {CPUS} CPUs" in said
    assert "Hotplug tests passed OK" in said
    # It turns off all but one of every group, the boot CPU too.
    killed = {match[1] for line in lines if (match := re.search(r"psci: CPU(\d+) killed", line))}
    assert killed >= {"0", "1", "2"}
    assert not [line for line in said if re.search(r"(?i)error\(s\)|unexpected|failed|abort", line)]
    if machine != YARDSTICK:
        assert "Suspend tests passed OK" in said
        assert suspended(said) == [(CYCLES, 0)] * CPUS


def suspended(said: list[str]) -> list[tuple[int, int]]:
    """Successes and errors of each CPU's suspend cycles."""
    results = [re.search(r"results: success (\d+), .*errors (\d+)", line) for line in said]
    return [(int(found[1]), int(found[2])) for found in results if found]

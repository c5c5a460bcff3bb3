# SPDX-License-Identifier: BSD-2-Clause
"""No hibernation with the module, in a kernel that has it: one of Debian's."""

from __future__ import annotations

import pytest

from tests.boot.test_late_guards import Try, answers

pytestmark = pytest.mark.timeout(900)


def test_hibernation_is_refused() -> None:
    said = answers(
        "virt-unique-el2-gicv2-4-a53", "debian-6.1", "", {"hibernate": Try("power disk", "")}
    )
    assert "roundpen: Can't hibernate: CPUs come back from the pen" in said["hibernate"]
    assert said["hibernate"].startswith("sh: write error: ")

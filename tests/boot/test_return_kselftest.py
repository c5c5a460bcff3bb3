# SPDX-License-Identifier: BSD-2-Clause
"""Linux's own self-test of CPU hotplug: passes with a return, fails on the same machine without."""

from __future__ import annotations

import pytest

from roundpen.contract.layout import Offer
from roundpen.kernel import source
from roundpen.lab.guest.root import SUITE, Member, libraries
from roundpen.lab.scenario import Scenario
from roundpen.packages.apt import closure
from roundpen.packages.unpack import unpack
from tests.boot.runs import AS_IS, RETURN, run

pytestmark = pytest.mark.timeout(900)
SCRIPT = "lib/cpu-on-off-test.sh"
STEPS = (
    # Where busybox looks for what is mounted.
    "run mkdir -p /etc; ln -s /proc/mounts /etc/mtab",
    f"run bash /{SCRIPT}; echo selftest=$?",
)


def files(line: str) -> dict[str, Member]:
    """The test as that line of Linux has it, and the shell that it is written for."""
    folder = unpack(
        closure(SUITE, "arm64", ("bash",)), ("bin/bash", "*lib/*/lib*.so*", "*lib/*.so*")
    )
    bash = folder / "bin/bash"
    test = source.selftest(line) / "cpu-on-off-test.sh"
    return {
        "bin/bash": Member(bash.read_bytes(), executable=True),
        SCRIPT: Member(test.read_bytes()),
        **libraries(folder, bash),
    }


def said(machine: str, kernel: str, wrap: Offer | None, line: str) -> str:
    """What the test says in its default mode, and its exit status behind `selftest=`."""
    result = run(machine, kernel, wrap, Scenario(extra=STEPS), files=files(line))
    return [event.rest("said") for event in result.events if event.name == "run"][-1]


@pytest.mark.parametrize(
    ("machine", "kernel", "wrap", "line"),
    [
        ("virt-shared-el2-gicv3-4-a72", "lab", RETURN, "6.1"),
        ("virt-returning-el1-gicv2-4-a53", "lab-6.12", AS_IS, "6.12"),
    ],
)
def test_passes(machine: str, kernel: str, wrap: Offer | None, line: str) -> None:
    text = said(machine, kernel, wrap, line)
    assert "online to offline to online: cpu 3" in text
    assert "unexpected" not in text
    assert text.endswith("selftest=0")


def test_fails_without() -> None:
    text = said("virt-shared-el2-gicv3-4-a72", "lab", AS_IS, "6.1")
    assert "offline_cpu_expect_success 3: unexpected fail" in text
    assert text.endswith("selftest=1")

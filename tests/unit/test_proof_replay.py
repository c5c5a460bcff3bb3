# SPDX-License-Identifier: BSD-2-Clause
"""Recorded runs against the CPU states, and the same with one line changed or lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roundpen.contract.layout import Offer
from roundpen.errors import UserError
from roundpen.proof.replay import Replay, replay
from roundpen.report import bytes as report

CONSOLES = Path(__file__).parent / "consoles"


def lines(name: str) -> list[str]:
    return (CONSOLES / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def edited(pattern: str, put: str | None, which: int = 0) -> Replay:
    """The run on virt with the `which`th line that matches changed, or (None) lost."""
    kept = lines("virt-wrapped")
    at = [number for number, line in enumerate(kept) if re.search(pattern, line)][which]
    kept[at : at + 1] = [] if put is None else [re.sub(pattern, put, kept[at])]
    return replay(kept, "edited")


def test_a_run_with_every_line_of_the_kernel() -> None:
    result = replay(lines("virt-wrapped"), "virt")
    assert result.violations == ()
    assert result.allowed
    assert (result.offer, result.cpus, result.kernels) == (Offer.PSCI, 4, 2)
    # Only the arrivals leave no line: 3 of them. 2 kernels start 3 CPUs each and put 4 through
    # 2 cycles, each of 4 steps; the boot CPU leaves the pen once more, 3 CPUs go home once.
    assert (result.observed, result.inferred, result.compared) == (84, 3, 8)


def test_a_run_whose_lines_were_thinned_out() -> None:
    result = replay(lines("raspi3b-wrapped"), "raspi3b")
    assert result.allowed, result.violations
    assert result.inferred > 3


@pytest.mark.parametrize(
    ("pattern", "put", "which", "words"),
    [
        (r"psci: CPU2 killed", None, 0, "CPU 2: goes from ON to ON_PENDING"),
        (r"psci: CPU3 killed", None, 2, "CPU 3: is ON while the next kernel starts"),
        (r"psci: CPU1 killed", "psci: CPU2 killed", 1, "CPU 1: goes from ON to ON_PENDING"),
        (r"CPU1: Booted secondary.*", None, 1, "CPU 1: goes from OFF to OFF_PENDING"),
        (r"0x0000000002 \[", "0x0000000102 [", 1, "CPU 2: has MPIDR 0x102, had 0x2"),
        (r"done=2", "done=1", 1, "CPU 1: left 2 times in 1 hotplug cycles"),
        (r"online=0-3", "online=0-2", 0, "CPU 3: is not online while ON"),
        (r" kexec-jump .*", " jump-not", 0, "the one before did not jump"),
        (r"1 node, 4 CPUs", "1 node, 3 CPUs", 0, "3 CPUs are up, 4 were released"),
        (r"(at=8448 .*?0x0{15}3),0x0{15}[0-9A-F]", r"\1,0x0000000000000009", 0, "released 9"),
        (r"(at=8448 (?:words=)?(?:0x[0-9A-F]{16},){3})0x0{15}3", r"\1 0x0000000000000004", 0,
         "expected a number"),
        (r"(at=8448 words=(?:0x[0-9A-F]{16},){3})0x0{15}3", r"\g<1>0x0000000000000004", 0,
         "the logbook has OFF_PENDING"),
        (r"(at=6144 .*)0x0000000100000001", r"\g<1>0x0000000200000001", 0,
         "the logbook's offer is RETURN"),
    ],
)  # fmt: skip
def test_what_is_not_allowed(pattern: str, put: str | None, which: int, words: str) -> None:
    result = edited(pattern, put, which)
    assert not result.allowed
    assert any(words in str(one) for one in result.violations), result.violations


def test_a_line_of_a_machine_without_that_cpu() -> None:
    result = edited(r"psci: CPU3 killed", "psci: CPU9 killed")
    assert any("speaks of CPU 9" in str(one) for one in result.violations)


def test_a_run_without_logbook_proves_nothing() -> None:
    kept = [line for line in lines("virt-wrapped") if " logbook" not in line]
    result = replay(kept, "no logbook")
    assert result.violations == ()
    assert not result.allowed
    assert "proves nothing" in "\n".join(report.replayed(result))


def test_a_run_without_the_pen_is_refused() -> None:
    with pytest.raises(UserError, match="shows no run under the pen"):
        replay(lines("raspi3b-refused"), "raspi3b-refused.txt")


def test_report() -> None:
    result = edited(r"psci: CPU3 killed", None, 2)
    text = "\n".join(report.replayed(result))
    assert "not allowed: line " in text
    assert text.endswith("NOT allowed")
    as_json = report.replayed_as_json(result)
    assert as_json["allowed"] is False

# SPDX-License-Identifier: BSD-2-Clause
"""The example of docs/firmware.md keeps the contract: what the lab's firmware runs is that text."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from roundpen.lab.firmware import build, params
from roundpen.lab.vendor import VirtSpec
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome

CYCLES = 200


def on_example(
    bench: Bench, spec: VirtSpec, *, cycles: int = CYCLES, firmware: Path | None = None
) -> Outcome:
    """Release and return every secondary, `cycles` times."""
    return bench.on_firmware(
        spec,
        Tests.RETURN,
        word=params.OWN_WORDS,
        word_stride=params.OWN_WORD_STRIDE,
        return_entry=spec.return_entry(spec.cpus - 1),
        cycles=cycles,
        firmware=firmware,
    )


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("cpu", ["cortex-a72", "max"])
def test_release_and_return(bench: Bench, level: int, cpu: str) -> None:
    spec = VirtSpec(entry_level=level, cpu=cpu, returns=True)  # type: ignore[arg-type]
    outcome = on_example(bench, spec)
    outcome.check_all()
    for case in ("return-parked-at-first", "return-cycles", "return-stays"):
        assert len(outcome.cases[case]) == 3


def test_clusters(bench: Bench) -> None:
    outcome = on_example(bench, VirtSpec(cpus=32, gic=3, returns=True), cycles=20)
    outcome.check_all()
    assert len(outcome.cases["return-cycles"]) == 31


def test_a_late_cpu_obeys_the_release_that_it_missed(bench: Bench) -> None:
    on_example(bench, VirtSpec(returns=True, late=((2, 0.2),)), cycles=3).check_all()


def test_without_a_receipt_nothing_is_good(bench: Bench) -> None:
    spec = VirtSpec(returns=True, no_receipt=(3,))
    outcome = bench.on_firmware(
        spec,
        Tests.RETURN,
        word=params.OWN_WORDS,
        word_stride=params.OWN_WORD_STRIDE,
        return_entry=params.LIAR_ENTRY,
        cycles=1,
    )
    # CPUs 1 and 2 go the same way and are not late: only the one that lies is missed.
    assert [good for good, _ in outcome.cases["return-cycles"]] == [True, True, False]


NEEDED = {
    "msr\thcr_el2, x7": 2,
    "msr\tsctlr_el2, x6": 2,
    "msr\tvbar_el2, x5": 2,
    "msr\tvttbr_el2, xzr": 2,
    "msr\tsctlr_el1, x6": 2,
    "msr\tvbar_el1, x5": 1,
    "str\txzr, [x4]": 1,
    "cmp\tx5, #1": 1,
}
"""Instruction of the example, and an exception level at which the test must miss it.

Missing here: barriers and cache maintenance, which QEMU does not need, SEV, because its WFE does
not sleep, and the bound of the table.
"""


@pytest.mark.parametrize("instruction", NEEDED)
def test_what_the_example_does_is_needed(bench: Bench, tmp_path: Path, instruction: str) -> None:
    sources, built = tmp_path / "sources", tmp_path / "built"
    shutil.copytree(Path(build.__file__).parent, sources)
    built.mkdir()
    example = sources / "home.S"
    text = example.read_text()
    assert text.count(instruction) == 1
    example.write_text(text.replace(instruction, "cmp\tx5, #0" if "cmp" in instruction else "nop"))
    build.compile_into(built, sources)
    level = NEEDED[instruction]
    spec = VirtSpec(cpus=2, cpu="max", entry_level=level, returns=True)  # type: ignore[arg-type]
    outcome = on_example(bench, spec, cycles=3, firmware=built / "vendor.bin")
    assert not outcome.ended or outcome.bad(), outcome.story()

# SPDX-License-Identifier: BSD-2-Clause
"""Where dt-validate (dtschema's own schemas) and the checker look at the same thing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from roundpen.check import check
from tests.unit.check_boards import Sample, each_cpu, spin

PROGRAM = Path(sys.executable).with_name("dt-validate")
VALIDATE = str(PROGRAM) if PROGRAM.exists() else shutil.which("dt-validate")

pytestmark = pytest.mark.skipif(VALIDATE is None, reason="dt-validate is not installed")


def complaints(sample: Sample, folder: Path) -> list[str]:
    """What it says of /cpus. Its exit status is 0 either way."""
    assert VALIDATE is not None
    path = folder / "board.dtb"
    path.write_bytes(sample.dtb())
    done = subprocess.run([VALIDATE, str(path)], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if line.startswith(f"{path}: cpus: ")]


def codes(sample: Sample) -> set[str]:
    return {finding.code for finding in check(sample.board())}


def test_a_release_address_without_a_method(tmp_path: Path) -> None:
    """Both say so, for each CPU."""
    sample = each_cpu(spin(), enable_method=...)
    said = complaints(sample, tmp_path)
    assert len(said) == 4
    assert all("'enable-method' is a dependency of 'cpu-release-addr'" in line for line in said)
    assert "RP002" in codes(sample)


def test_a_spin_table_without_a_release_address(tmp_path: Path) -> None:
    """Only the checker does: the schema has it in prose. If this fails, dtschema has learned."""
    sample = each_cpu(spin(), cpu_release_addr=...)
    assert complaints(sample, tmp_path) == []
    assert "RP020" in codes(sample)


def test_a_sound_board(tmp_path: Path) -> None:
    assert complaints(spin(), tmp_path) == []

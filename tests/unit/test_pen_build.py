# SPDX-License-Identifier: BSD-2-Clause
"""The build of the pen, with the real compiler."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from roundpen.errors import MachineError, UserError
from roundpen.image.inspect import inspect
from tests.pen.harness import pen_build

PEN = Path(__file__).parents[2] / "pen"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """pen/build.py, which belongs to no package."""
    return pen_build()


def test_two_builds_in_different_places_give_the_same_bytes(
    build: ModuleType, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "a much longer name for a folder".replace(" ", "-") / "pen"
    shutil.copytree(PEN, elsewhere)
    first = build.compile_pen(tmp_path / "1").read_bytes()
    second = build.compile_pen(tmp_path / "other" / "2", sources=elsewhere).read_bytes()
    assert first == second
    assert str(PEN).encode() not in first
    assert str(tmp_path).encode() not in first
    facts = inspect(first, "pen.bin")
    assert facts.pen is not None
    assert facts.kernel is None


def test_the_package_carries_the_pen_of_these_sources(build: ModuleType) -> None:
    assert build.PACKAGED.read_bytes() == (build.build() / "pen.bin").read_bytes()


def test_a_missing_compiler_names_the_package(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CROSS_COMPILE", raising=False)
    monkeypatch.setattr(sys, "argv", ["build.py"])
    assert build.main() == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "aarch64-linux-gnu-gcc is missing" in line
    assert "gcc-aarch64-linux-gnu" in line.split(";")[1]


def test_a_wrong_libfdt_is_refused(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROUNDPEN_LIBFDT", str(tmp_path))
    with pytest.raises(UserError, match=r"has no libfdt\.h"):
        build.libfdt()


def test_what_the_compiler_says_is_shown(
    build: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "pen"
    broken.mkdir()
    (broken / "Makefile").write_text("all:\n\t@echo the reason; false\n")
    with pytest.raises(MachineError, match="failed with status 2"):
        build.compile_pen(tmp_path / "out", sources=broken)
    assert "the reason" in capsys.readouterr().err

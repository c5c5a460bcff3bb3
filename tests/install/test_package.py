# SPDX-License-Identifier: BSD-2-Clause
"""The wheel and the source package, built for real."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from roundpen.image.inspect import inspect
from tests.install.wheel import ROOT, package

PEN = "roundpen/image/data/pen.bin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


def test_the_wheel_carries_the_pen_and_fits_every_machine(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as files:
        facts = inspect(files.read(PEN), "pen.bin")
        names = files.namelist()
    assert facts.pen is not None
    assert "roundpen/contract/layout.py" in names
    assert {"roundpen/proof/models/return.pml", "roundpen/proof/models/return.toml"} <= set(names)
    module = "roundpen/kexec/data/module"
    assert {f"{module}/Kbuild", f"{module}/main.c", f"{module}/made/resident.bin"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_the_source_package_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = package(ROOT, tmp_path / "sdist", "sdist")
    unpacked = tmp_path / "unpacked"
    with tarfile.open(source) as files:
        for member in files.getmembers():
            target = unpacked / Path(*Path(member.name).parts[1:])
            content = files.extractfile(member)
            if content is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
    assert not (unpacked / "src" / PEN).exists()
    again = package(unpacked, tmp_path / "wheel", "wheel")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())
        assert first.read(PEN) == second.read(PEN)

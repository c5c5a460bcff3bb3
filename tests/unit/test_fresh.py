# SPDX-License-Identifier: BSD-2-Clause
"""scripts/fresh.py where it makes nothing: what it says of a host, and its table."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from roundpen.errors import RefusedError
from tests.unit.test_docs import ROOT

SCRIPT = ROOT / "scripts" / "fresh.py"


@pytest.fixture(scope="module")
def fresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fresh", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fresh"] = module
    spec.loader.exec_module(module)
    return module


def test_without_root_it_says_so(fresh: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RefusedError, match="needs root, and this is user 1000; run it as root"):
        fresh.check_host([])


def test_a_tool_that_is_missing_is_named(
    fresh: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    with pytest.raises(RefusedError, match=r"missing: mmdebstrap .*; apt-get install mmdebstrap"):
        fresh.check_host([])


def test_without_its_key_no_system_is_made(
    fresh: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    absent = fresh.System("ubuntu-24.04", "noble", "main", Path("/nowhere.gpg"))
    with pytest.raises(RefusedError, match=r"ubuntu-24.04: /nowhere.gpg is not there, so nothing"):
        fresh.check_host([absent])


def test_a_table_of_targets_and_systems(fresh: ModuleType) -> None:
    outcomes = [
        fresh.Outcome("a", "lint", 0, 60.0, "x"),
        fresh.Outcome("b", "lint", 2, 90.0, "y"),
        fresh.Outcome("b", "demo", -1, 120.0, "z"),
    ]
    assert fresh.table(outcomes).splitlines() == [
        "make  a                b",
        "lint  passed, 1.0 min  FAILED (2), 1.5 min",
        "demo  -                cut off after 2.0 min",
    ]


def test_what_is_taken_from_the_host_is_how_to_reach_an_archive(fresh: ModuleType) -> None:
    for setting in fresh.apt_settings():
        assert fresh._APT_SETTINGS.match(setting), setting
    assert fresh._PASSED_ON.fullmatch("https_proxy")
    assert fresh._PASSED_ON.fullmatch("PIP_FIND_LINKS")
    assert not fresh._PASSED_ON.fullmatch("HOME")


def test_help_needs_no_root() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Needs root" in done.stdout

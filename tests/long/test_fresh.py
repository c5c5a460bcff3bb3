# SPDX-License-Identifier: BSD-2-Clause
"""Every make target as the first command in a fresh minimal system, by scripts/fresh.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.test_citations import targets
from tests.unit.test_docs import ROOT

SCRIPT = ROOT / "scripts" / "fresh.py"
SYSTEMS = ("debian-12", "debian-13", "ubuntu-24.04")
COMMANDS = (
    "help",
    "clean",
    "lint",
    "test-quick",
    "demo",
    "demo-wrap",
    "fuzz FUZZ_SECONDS=20",
    "bench BENCH=--help",
    "deb",
    "test",
    "series",
)
"""`bench` with an option that measures nothing: what it takes is in docs/status.md."""
BASES = ROOT / "build" / "bases"


def fresh(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, "--bases", BASES, *argv], capture_output=True, text=True
    )


def test_every_target_is_tried() -> None:
    # test-long is what runs this.
    assert {command.split()[0] for command in COMMANDS} == targets() - {"test-long"}


@pytest.mark.skipif(os.geteuid() != 0, reason="making a system needs root")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_first_command(system: str, command: str, tmp_path: Path) -> None:
    outcomes = tmp_path / "outcomes.json"
    done = fresh("--system", system, "--json", outcomes, command)
    # Ubuntu's key and mirror are known on an Ubuntu, as a rule.
    if system.startswith("ubuntu") and re.search("Ubuntu mirror|is not there, so", done.stderr):
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr + done.stdout
    (outcome,) = json.loads(outcomes.read_text(encoding="utf-8"))
    assert outcome["status"] == 0
    log = ROOT / outcome["log"]
    left = [path.name for path in log.parent.glob(f"{log.stem}.*") if path.is_dir()]
    assert left == [], "a chroot was left behind"
    assert str(log.parent) not in Path("/proc/mounts").read_text(encoding="utf-8")

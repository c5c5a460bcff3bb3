# SPDX-License-Identifier: BSD-2-Clause
"""What ends us while systemd jumps, and what a systemctl that says no leaves.

The systemctl here is a script: a real one is asked in tests/long. That something is loaded is
pretended, because nothing can be on the machine that tests.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from roundpen.errors import MachineError
from roundpen.kexec import jump
from roundpen.kexec.jump import By
from tests.unit.kexec_root import put

CODE = """
import sys
from roundpen.cli.ending import ended_by_signals
from roundpen.errors import MachineError
from roundpen.kexec import jump, load
from roundpen.kexec.jump import By
jump._PATH, load.loaded = sys.argv[1], lambda: True
with ended_by_signals():
    try:
        jump.jump(jump.by(systemd=True), "/nowhere/kexec")
    except MachineError as error:
        print(error)
"""


def ask(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    put(folder, "systemctl", f"#!/bin/sh\n{script}\n").chmod(0o755)
    return subprocess.run(
        [sys.executable, "-c", CODE, str(folder)],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": "src"},
    )  # fmt: skip


def test_systemd_ends_us_as_it_shuts_down(tmp_path: Path) -> None:
    """With what is loaded left to it: not one line, and no unloading."""
    done = ask(tmp_path, 'test "$1" = kexec && kill -TERM $PPID && kill -HUP $PPID')
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemctl_says_no(tmp_path: Path) -> None:
    done = ask(tmp_path, "echo Access denied >&2; exit 1")
    assert done.stdout.startswith("systemctl kexec: Access denied; the image is unloaded again")


def test_a_signal_before_it_says_no_ends_us(tmp_path: Path) -> None:
    done = ask(tmp_path, "kill -TERM $PPID; exit 1")
    assert done.returncode != 0
    assert "Ended" in done.stderr


def test_ctrl_c_reaches_systemctl(tmp_path: Path) -> None:
    """Our blocked signals are not handed down."""
    done = ask(tmp_path, f"kill -{signal.SIGINT.value} $$; exit 0")
    assert done.stdout.startswith("systemctl kexec: status -2; ")


def test_without_systemd() -> None:
    assert jump.by(systemd=False) is By.US


def test_nothing_loaded() -> None:
    with pytest.raises(MachineError, match="nothing is loaded any more"):
        jump.jump(By.US, "/nowhere/kexec")

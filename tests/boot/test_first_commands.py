# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen lab run` where something is missing, full, or ends it half-way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roundpen.cli.exits import Exit
from roundpen.kernel import trimmed
from roundpen.lab.emulator import PROGRAM
from tests.boot.runs import AS_IS, run
from tests.unit.processes import children

MACHINE = "virt-unique-el2-gicv3-2-a72"
COMMAND = (sys.executable, "-m", "roundpen", "lab", "run", MACHINE, "--kernel", "lab")


def test_without_qemu_on_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's own is taken, and it is Debian's that is asked for the machine's tree."""
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            link = tmp_path / program.name
            if not program.name.startswith("qemu-") and not link.is_symlink():
                link.symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which(PROGRAM) is None
    run(MACHINE, "lab", AS_IS)


def test_a_full_folder_for_temporary_files(tmp_path: Path) -> None:
    """On a real full file system, in a mount namespace of its own."""
    trimmed.build()
    mount = 'mount -t tmpfs -o size=1m none "$1" && TMPDIR="$1" && export TMPDIR && shift && exec'
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{mount} "$@"', "sh"]
    if subprocess.run([*argv[:4], "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespace here")
    done = subprocess.run(
        [*argv, str(tmp_path), *COMMAND], check=False, capture_output=True, text=True
    )
    told = [line for line in done.stderr.splitlines() if "roundpen: error" in line]
    assert told == [
        f"roundpen: error: {tmp_path}: cannot be written to: No space left on device; make room "
        "there, or point $TMPDIR at another folder"
    ]
    assert "Traceback" not in done.stderr
    assert done.returncode == Exit.FOUND


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    trimmed.build()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    # Where tests run in the background, SIGINT may be ignored, and would be in the child.
    with subprocess.Popen(
        [*COMMAND, "--append", "rdinit=/nothing panic=0"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        patience = time.monotonic() + 120
        machines: list[int] = []
        # Its first QEMU is only asked for a tree.
        while not machines or not list(tmp_path.glob("*/qemu.stderr")):
            machines = [one for one in children(process.pid) if is_qemu(one)]
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < patience, "no machine was started"
            time.sleep(0.01)
        assert sum(path.stat().st_size for path in tmp_path.rglob("*")) > 4 << 20
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    ended = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert process.returncode == 128 + number
    assert said.splitlines()[1:] == [f"roundpen: {ended}"]
    assert list(tmp_path.iterdir()) == []
    assert not any(is_qemu(one) for one in machines)


def is_qemu(process: int) -> bool:
    try:
        return PROGRAM in Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return False

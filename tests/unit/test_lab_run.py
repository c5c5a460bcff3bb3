# SPDX-License-Identifier: BSD-2-Clause
"""Reading a console until something ends it: a shell stands where QEMU does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roundpen.errors import MachineError
from roundpen.lab import run
from roundpen.lab.run import Stopped, Transcript

PANIC = "Kernel panic - not syncing: no init"
WARNING = "WARNING: CPU: 0 PID: 49 at kernel/exit.c:813 do_exit+0x71c/0x8a0"


def read(tmp_path: Path, script: str, timeout: float = 20.0, announced: str = "") -> Transcript:
    """What is made of the script's output; "end" in a line is what is waited for."""
    words = (announced,) if announced else ()
    command = ["sh", "-c", script]
    return run.run(
        command, lambda line, _: "end" in line, timeout=timeout, folder=tmp_path, announced=words
    )


def test_what_follows_the_end_does_not_count(tmp_path: Path) -> None:
    """However much of it the same read brings."""
    found = read(tmp_path, f"printf 'end\\n{WARNING}\\n{PANIC}\\n'; sleep 30")
    assert (found.stopped, found.lines) == (Stopped.DONE, ["end"])
    assert (found.complaints, found.fatal) == ([], "")


def test_what_comes_before_the_end_counts(tmp_path: Path) -> None:
    found = read(tmp_path, f"printf '{WARNING}\\nend\\n'; sleep 30")
    assert (found.stopped, found.complaints) == (Stopped.DONE, [WARNING])


def test_words_that_were_announced_are_no_complaint(tmp_path: Path) -> None:
    found = read(tmp_path, f"printf '{WARNING}\\nend\\n'; sleep 30", announced="kernel/exit.c")
    assert (found.complaints, found.announced) == ([], {"kernel/exit.c"})


def test_a_kernel_that_dies_is_not_waited_for(tmp_path: Path) -> None:
    found = read(tmp_path, f"echo '{PANIC}'; sleep 30")
    assert (found.stopped, found.fatal) == (Stopped.FATAL, PANIC)


def test_a_machine_that_switches_off(tmp_path: Path) -> None:
    found = read(tmp_path, "printf bye; echo no >&2; exit 3")
    assert (found.stopped, found.status, found.lines) == (Stopped.EXITED, 3, ["bye"])
    assert found.text() == "bye\nno\n"


def test_every_wait_has_a_bound(tmp_path: Path) -> None:
    assert read(tmp_path, "sleep 30", timeout=0.1).stopped is Stopped.TIMEOUT


def test_a_console_that_never_stops_printing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "TRANSCRIPT_MAX", 1000)
    assert read(tmp_path, "while :; do echo more; done").stopped is Stopped.FLOOD


def test_no_such_program(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no-qemu: cannot be started"):
        run.run(["no-qemu"], lambda *_: True, timeout=1, folder=tmp_path)


ALONE = """
import sys
from pathlib import Path
from roundpen.lab import run
machine = ["sh", "-c", "echo $$; exec sleep 60"]
run.run(machine, lambda line, _: print(line, flush=True), timeout=60, folder=Path(sys.argv[1]))
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_machine_ends_with_who_started_it(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", ALONE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        machine = int(starter.stdout.readline())
        os.kill(machine, 0)
        starter.send_signal(how)
    patience = time.monotonic() + 20
    while not _is_dead(machine):
        assert time.monotonic() < patience, "the machine outlives who started it"
        time.sleep(0.02)


def _is_dead(process: int) -> bool:
    """Ended, and not yet collected by whoever adopted it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True

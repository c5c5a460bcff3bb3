# SPDX-License-Identifier: BSD-2-Clause
"""One meaning per exit status, in every verb (docs/messages.md, "Exit status")."""

from __future__ import annotations

import ast
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from roundpen.cli import main as cli
from roundpen.cli.exits import Exit, of_error
from roundpen.errors import MachineError, RefusedError, UserError
from tests.unit import samples
from tests.unit.check_boards import psci, spin
from tests.unit.processes import children

ROOT = Path(__file__).parents[2]
LIMIT = 256
"""Bytes that a file may have, where a disk is to be full."""


def test_of_errors() -> None:
    assert of_error(UserError("x")) is Exit.UNUSABLE
    assert of_error(MachineError("x")) is Exit.FOUND
    assert of_error(RefusedError("x")) is Exit.REFUSED


def test_no_number_but_in_the_table() -> None:
    """Verbs say a status by its name."""
    for path in (ROOT / "src" / "roundpen" / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant):
                assert not isinstance(node.value.value, int), f"{path.name}:{node.lineno}"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "kernel").write_bytes(samples.kernel())
    (tmp_path / "clean.dtb").write_bytes(psci().dtb())
    (tmp_path / "spin.dtb").write_bytes(spin().dtb())
    (tmp_path / "nothing").write_bytes(b"nothing")
    (tmp_path / "dump").write_bytes(samples.region())
    # Every file that the series touches, so that trying it copies them.
    (tmp_path / "tree" / "arch" / "arm64" / "kernel").mkdir(parents=True)
    (tmp_path / "tree" / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 1\n")
    (tmp_path / "tree" / "arch" / "arm64" / "kernel" / "smp.c").write_text("/* */\n" * 100)
    return tmp_path


def run(
    here: Path, line: str, *, missing: Sequence[str] = (), full: bool = False
) -> tuple[int, str]:
    """Status and standard error of a command line, without Debian's programs in PATH.

    `missing`: modules that are not to be found. `full`: no file may become large.
    """
    code = (
        f"import sys; sys.modules |= dict.fromkeys({tuple(missing)!r})\n"
        "from importlib import util; find = util.find_spec\n"
        "util.find_spec = lambda name: sys.modules[name] if name in sys.modules else find(name)\n"
        "from roundpen.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *line.split()],
        cwd=here,
        env={"PATH": "/nowhere", "HOME": str(here), "TMPDIR": str(here)},
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)))
        if full
        else None,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


DONE = (
    "check clean.dtb", "check --rules", "inspect kernel", "wrap kernel -o out", "lab list",
    "status --dump dump", "prove --list", "kexec --list",
)  # fmt: skip
FOUND = ("check spin.dtb", "check clean.dtb spin.dtb")
UNUSABLE = (
    "kexec --dry-run missing", "kexec --dry-run --last", "module tree", "module missing/folder",
    "check", "check nothing", "check clean.dtb nothing", "check --explain RP999",
    "demo --nothing", "wrap nothing -o out", "wrap kernel -o kernel", "inspect nothing",
    "inspect missing", "status --dump nothing", "lab run nowhere", "lab list nowhere",
    "lab run raspi3b --kexec 9999", "lab run raspi3b --timeout never", "prove --mutant nothing",
    "prove --replay missing", "bench --runs 0", "bench --json missing/figures",
    "kernel patch nothing", "kernel build --machine virt", "kernel config nothing",
    "kernel check --nothing", "kernel fetch 6.1 --into tree",
)  # fmt: skip
REFUSED = {
    "kexec --last": (), "module folder": (),
    "check clean.dtb": ("libfdt",), "check --live": (), "demo": ("elftools",),
    "wrap kernel -o out": ("lz4",), "inspect kernel": ("zstandard",), "status": (),
    "lab run raspi3b": ("libfdt",), "prove": (), "prove --bytes": ("unicorn",),
    "bench": ("scipy",), "kernel fetch 6.1": (), "kernel build": (), "kernel check 6.1": (),
    "kernel patch tree": (),
}  # fmt: skip


@pytest.mark.parametrize("line", DONE)
def test_done(here: Path, line: str) -> None:
    assert run(here, line) == (Exit.DONE, "")


@pytest.mark.parametrize("line", FOUND)
def test_findings(here: Path, line: str) -> None:
    assert run(here, line) == (Exit.FOUND, "")


@pytest.mark.parametrize("line", UNUSABLE)
def test_what_cannot_be_used(here: Path, line: str) -> None:
    status, told = run(here, line)
    assert status == Exit.UNUSABLE, told


@pytest.mark.parametrize("line", REFUSED)
def test_what_this_machine_refuses(here: Path, line: str) -> None:
    status, told = run(here, line, missing=REFUSED[line])
    assert status == Exit.REFUSED, told
    *progress, last = told.splitlines()
    assert last.startswith("roundpen: error: ")
    assert not [line for line in progress if "error" in line]


def test_every_verb_is_tried() -> None:
    for lines in (UNUSABLE, REFUSED):
        assert {line.split()[0] for line in lines} == set(cli.VERBS)


def test_a_full_disk(here: Path) -> None:
    """It is no refusal: the kernel was read, and writing was begun."""
    status, told = run(here, "wrap kernel -o out", full=True)
    assert (status, told) == (
        Exit.FOUND, "roundpen: error: out: cannot be written: File too large\n"
    )  # fmt: skip
    assert not (here / "out").exists()


def test_a_full_folder_for_temporary_files(here: Path) -> None:
    status, told = run(here, "kernel patch tree", full=True)
    assert (status, told) == (
        Exit.FOUND,
        f"roundpen: error: {here}: cannot be written to: File too large; make room there, or "
        "point $TMPDIR at another folder\n",
    )
    assert not list(here.glob("roundpen-*"))


def test_no_folder_for_temporary_files(here: Path) -> None:
    code = (
        "import sys, tempfile; tempfile._candidate_tempdir_list = lambda: ['/nowhere']\n"
        "from roundpen.cli.main import main; sys.exit(main(['kernel', 'patch', 'tree']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=here, check=False, capture_output=True, text=True
    )
    assert done.returncode == Exit.FOUND
    assert done.stderr.startswith("roundpen: error: temporary files: no folder for them can be")
    assert done.stderr.count("\n") == 1


def test_output_that_cannot_be_written() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "roundpen", "check", "--rules"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == Exit.FOUND
    assert done.stderr == "roundpen: error: standard output: No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_that_was_started(here: Path, number: signal.Signals) -> None:
    code = (
        "import os, sys; from roundpen.cli.main import main\n"
        "os.sched_getaffinity = lambda process: {0, 1}; "
        "sys.exit(main(['check', *['clean.dtb'] * 5000]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        patience = time.monotonic() + 60
        # The one that gives birth to them, who keeps account of shared things, and two of them.
        while len(started := children(process.pid)) < 4:
            assert time.monotonic() < patience, "no process was started"
            time.sleep(0.005)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (128 + number, f"roundpen: ended by {number.name}\n")
    patience = time.monotonic() + 10
    while any(Path(f"/proc/{one}").exists() for one in started):
        assert time.monotonic() < patience, "somebody is still there"
        time.sleep(0.01)


def test_an_ignored_signal_stays_ignored(here: Path) -> None:
    """As nohup has it."""
    code = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from roundpen.cli import status; from roundpen.cli.main import main\n"
        "status.run = lambda args: os.kill(os.getpid(), signal.SIGHUP) or 0\n"
        "sys.exit(main(['status']))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, env=os.environ)
    assert done.returncode == Exit.DONE

# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roundpen.cli import main as cli
from roundpen.cli import status
from roundpen.cli.exits import Exit
from roundpen.image import wrap
from tests.unit import samples


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel to wrap, and a pen that needs no compiler."""
    monkeypatch.setattr(wrap, "pen_binary", samples.pen)
    path = tmp_path / "vmlinuz.gz"
    path.write_bytes(gzip.compress(samples.kernel()))
    return path


def run(*argv: object) -> int:
    return cli.main([str(word) for word in argv])


def failed(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a failure, the frame taken off."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("roundpen: error: ")
    assert err.count("\n") == 1
    return err.removeprefix("roundpen: error: ").rstrip("\n")


def test_wrap_then_inspect(kernel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = kernel.parent / "out"
    assert run("wrap", kernel, "-o", out) == 0
    told = capsys.readouterr().out
    assert "6.1.0-test" in told
    assert "offer psci" in told
    assert f"{out}: {out.stat().st_size:,} bytes" in told
    assert run("inspect", out) == 0
    assert "a wrapped arm64 kernel, offer psci" in capsys.readouterr().out
    assert run("inspect", "--json", out) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["pen"]["offer"] == "psci"
    assert facts["kernel"]["page_size"] == 4096


def test_an_existing_result_is_replaced_but_never_the_kernel(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = kernel.read_bytes()
    out = kernel.parent / "out"
    out.write_bytes(b"old")
    assert run("wrap", kernel, "-o", out) == 0
    capsys.readouterr()
    assert run("wrap", kernel, "-o", kernel) == Exit.UNUSABLE
    assert "is the kernel itself" in failed(capsys)
    assert kernel.read_bytes() == before


def test_a_refusal_is_one_line_and_leaves_the_result_alone(
    kernel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = kernel.parent / "out"
    out.write_bytes(b"old")
    kernel.write_bytes(b"\x7fELF" + bytes(100))
    assert run("wrap", kernel, "-o", out) == Exit.UNUSABLE
    assert failed(capsys).startswith(f"{kernel}: an ELF file; ")
    assert out.read_bytes() == b"old"
    assert run("inspect", kernel.parent / "nothing") == Exit.UNUSABLE
    assert "No such file" in failed(capsys)


def test_status_from_a_dump(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dump = tmp_path / "dump"
    dump.write_bytes(bytes(5000) + samples.region())
    assert run("status", "--dump", dump) == 0
    told = capsys.readouterr().out
    assert "entered at EL2, offer psci" in told
    assert run("status", "--dump", dump, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["cpus"]) == 4
    for content in (b"", b"nothing"):
        dump.write_bytes(content)
        assert run("status", "--dump", dump) == Exit.UNUSABLE
        assert str(dump) in failed(capsys)


def test_status_on_a_machine_without_a_pen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == Exit.REFUSED
    assert "no pen" in failed(capsys)


def test_status_needs_no_decompressor() -> None:
    """Boards where the logbook is read may have none; wrapping is done elsewhere."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(('lz4', 'zstandard', 'lzma'));"
        "from roundpen.cli.main import main; sys.exit(main(['status']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == Exit.REFUSED
    assert done.stderr.startswith("roundpen: error: this machine's device tree has no pen")


def test_interruption(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "run", interrupt)
    assert run("status") == Exit.INTERRUPTED
    assert capsys.readouterr().err == "roundpen: interrupted\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from roundpen.cli.main import main; sys.exit(main(sys.argv[1:]))"
    for argv in (["--help"], ["inspect", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *argv], stdout=write, stderr=subprocess.PIPE, text=True
        )
        assert "Traceback" not in done.stderr
    os.close(write)

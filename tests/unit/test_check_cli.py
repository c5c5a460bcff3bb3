# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen check` as a user meets it: outputs, exit statuses, folders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from roundpen.check import check_board, check_files, rules
from roundpen.cli import main as cli
from roundpen.cli.exits import Exit
from roundpen.report import check as report
from tests.unit.check_boards import changed, psci, returnable, spin, u64

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "check.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "clean.dtb").write_bytes(psci().dtb())
    (tmp_path / "sub" / "spin.dtb").write_bytes(spin().dtb())
    (tmp_path / "sub" / "bad.dtb").write_bytes(b"\xd0\x0d\xfe\xed nothing")
    (tmp_path / "notes.txt").write_text("no tree")
    return tmp_path


def run(*argv: object) -> int:
    return cli.main(["check", *(str(word) for word in argv)])


def out(capsys: pytest.CaptureFixture[str]) -> str:
    text, errors = capsys.readouterr()
    assert errors == ""
    return text


def test_a_clean_board(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "clean.dtb") == 0
    text = out(capsys)
    assert "A board for tests" in text
    assert "Findings: none" in text
    assert text.index("PSCI that is already there") < text.index("kdump alone")
    assert "\x1b" not in text


def test_findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "sub" / "spin.dtb", "--entry-level", "2") == 1
    text = out(capsys)
    assert "RP040 error: CPUs that cannot leave the kernel" in text
    assert "open     pen at EL2, offer psci" in text


def test_notes_do_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "noted.dtb"
    path.write_bytes(changed(psci(), "cpus/cpu@1", cpu_release_addr=u64(0xD8)).dtb())
    assert run(path) == 0
    assert "RP065 note" in out(capsys)


@pytest.mark.parametrize("name", ["bad.dtb", "none.dtb"])
def test_what_cannot_be_read(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "sub" / name) == 2
    text, errors = capsys.readouterr()
    assert text == ""
    assert errors.startswith("roundpen: error: ")
    assert name in errors
    assert errors.count("\n") == 1


def test_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder) == 2
    lines = out(capsys).splitlines()
    assert lines[0] == f"{folder}/clean.dtb: clean; route: psci"
    assert "bad.dtb" in lines[1]
    assert lines[2].endswith("spin.dtb: RP040; route: late")
    assert lines[4] == "3 trees: 1 clean, 1 with findings, 1 could not be read"
    (folder / "sub" / "bad.dtb").unlink()
    assert run(folder) == 1


def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 2
    assert "has no file ending in .dtb" in capsys.readouterr().err


def test_many_processes_say_the_same_in_the_same_order(folder: Path) -> None:
    paths = [*sorted(folder.rglob("*.dtb"))] * 7
    assert list(check_files(paths, processes=2)) == list(check_files(paths, processes=1))


TWO_CPUS = """
import os, sys
from roundpen.cli.main import main
os.sched_getaffinity = lambda process: {0, 1}
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_while_many_are_checked(folder: Path) -> None:
    """It reaches every process of a terminal, also one that is just being started."""
    many = [str(folder / "clean.dtb")] * 3000
    command = [sys.executable, "-c", TWO_CPUS, "check", *many]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        patience = time.monotonic() + 30
        while len(children.read_text().split()) < 2:
            assert time.monotonic() < patience, "no process was started"
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (said, process.returncode) == ("roundpen: interrupted\n", Exit.INTERRUPTED)


def test_json_is_what_its_schema_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "return.dtb").write_bytes(returnable().dtb())
    assert run("--json", folder) == 2
    document = json.loads(out(capsys))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    clean = {Path(board["name"]).name: board.get("clean") for board in document["boards"]}
    assert clean == {"clean.dtb": True, "return.dtb": True, "spin.dtb": False, "bad.dtb": None}


def test_the_schema_is_no_rubber_stamp(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("--json", folder / "clean.dtb")
    document = json.loads(out(capsys))
    document["boards"][0]["board"]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_sarif_is_what_somebody_elses_model_reads(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """pydantic-sarif is made from OASIS's schema and forbids what that does not know."""
    assert run("--sarif", folder) == 2
    text = out(capsys)
    log = Sarif.model_validate_json(text)
    assert len(log.runs) == 1
    only = log.runs[0]
    codes = [entry.id for entry in only.tool.driver.rules or ()]
    assert codes == [entry.code for entry in rules()]
    for result in only.results or ():
        assert result.ruleIndex is not None
        assert codes[result.ruleIndex] == result.ruleId
    assert {result.ruleId for result in only.results or ()} == {"RP040"}
    assert only.invocations
    assert not only.invocations[0].executionSuccessful


def test_rules_and_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--rules") == 0
    assert len(out(capsys).splitlines()) == len(rules())
    assert run("--explain", "rp012") == 0
    assert out(capsys).startswith("RP012 error: two CPUs with one id\n")


@pytest.mark.parametrize("argv", [[], ["--live", "x.dtb"]])
def test_either_boards_or_live(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*argv) == 2
    assert "give one or more of BOARD, or --live" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
def test_a_source_is_as_good_as_its_dtb(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary, source = folder / "sub" / "spin.dtb", folder / "spin.dts"
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts", "-o", str(source), str(binary)]
    subprocess.run(command, check=True)
    assert run(source) == run(binary) == 1
    first, second = out(capsys).split("A board for tests\n")[1:]
    assert first.removesuffix(f"{binary}: ") == second


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('#include "bcm2711.dtsi"\n/dts-v1/;\n/ { };\n', "needs the C preprocessor first"),
        ("/dts-v1/;\n/ {\n", "dtc rejects it"),
        ('/dts-v1/;\n/ { a = /incbin/("/dev/zero"); };\n', "dtc rejects it"),
    ],
)
def test_sources_that_dtc_rejects(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "board.dts"
    path.write_text(text)
    assert run(path) == 2
    assert words in capsys.readouterr().err


def test_a_check_imports_little() -> None:
    """What makes the first output late: other verbs and rich, which no check needs."""
    code = (
        "import sys; from roundpen.cli import main; main.main(['check', '--rules']); "
        "print([name for name in ('rich', 'roundpen.lab', 'elftools') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_colour_is_asked_for_not_assumed() -> None:
    found = check_board(spin().board())
    assert "\x1b[31merror" in "\n".join(report.full(found, colour=True))
    assert "\x1b" not in "\n".join(report.full(found))

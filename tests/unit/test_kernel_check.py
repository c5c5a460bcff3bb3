# SPDX-License-Identifier: BSD-2-Clause
"""Reading what the judges of a series say: checkpatch, dt-schema, make."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from roundpen.cli.main import main
from roundpen.errors import MachineError
from roundpen.kernel import binding, build, check, checkpatch, compiles, series
from roundpen.kernel.finding import Finding, Verdict
from roundpen.report import series as report

CLEAN = """total: 0 errors, 0 warnings, 0 checks, 9 lines checked

/x/0005-a.patch has no obvious style problems and is ready for submission.
"""
REMARKS = """/x/0008-a.patch:122: CHECK: Consider using #include <linux/kexec.h>
#122: FILE: arch/arm64/kernel/smp_spin_table.c:23:
+#include <asm/kexec.h>

/x/0008-a.patch:21: WARNING: Possible unwrapped commit description

total: 0 errors, 1 warnings, 1 checks, 224 lines checked
"""


def test_checkpatch_content() -> None:
    assert checkpatch.parse(CLEAN, "0005-a.patch", 0) == []


def test_checkpatch_remarks_count_whatever_the_status() -> None:
    assert checkpatch.parse(REMARKS, "0008-a.patch", 0) == [
        "122: CHECK: Consider using #include <linux/kexec.h>",
        "21: WARNING: Possible unwrapped commit description",
    ]


@pytest.mark.parametrize(
    ("output", "status"),
    [
        ("", 0),
        ("Must be run from the top-level dir. of a kernel tree\n", 2),
        ("total: 1 errors, 0 warnings, 0 checks, 9 lines checked\n", 1),
    ],
)
def test_checkpatch_that_did_not_check_is_no_pass(output: str, status: int) -> None:
    found = checkpatch.parse(output, "0008-a.patch", status)
    assert len(found) == 1
    assert f"exit status {status}" in found[0]


def test_checkpatch_runs_in_the_tree_with_nobodys_configuration(tmp_path: Path) -> None:
    script = tmp_path / "scripts/checkpatch.pl"
    script.parent.mkdir()
    script.write_text('print "$ARGV[-1]:1: CHECK: ", `pwd`, -e "$ENV{HOME}/x" ? "x" : "", "\\n",\n'
                      '"total: 0 errors, 0 warnings, 1 checks, 1 lines checked\\n";\n')  # fmt: skip
    (tmp_path / "x").touch()
    (tmp_path / "0001-a.patch").touch()
    found = checkpatch.remarks(
        tmp_path, tmp_path / "0001-a.patch", {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    )
    assert found == [f"1: CHECK: {tmp_path}"]


def test_document_remarks_leave_out_explanations_and_places() -> None:
    text = f"/t/{binding.FILE}: title: 'ARM CPUs bindings' should not\n\thint: not\n\nTraceback\n"
    assert binding.parse_document_remarks(text) == {
        "title: 'ARM CPUs bindings' should not",
        "Traceback",
    }


def test_objections() -> None:
    one = {"node": "/cpus/cpu@0", "message": "'x' is a required property", "level": "error"}
    assert binding.objections(json.dumps([one])) == [("/cpus/cpu@0", one["message"])]
    assert binding.objections("[]") == []


@pytest.mark.parametrize("text", ["", "{}[", "[1]", '[{"node": "/"}]', "null"])
def test_objections_that_are_not_understood(text: str) -> None:
    with pytest.raises(MachineError, match="JSON is not understood"):
        binding.objections(text)


def test_the_cases_are_a_tree(tmp_path: Path) -> None:
    source = binding.cases_source()
    done = subprocess.run(["dtc", "-q"], input=source.encode(), capture_output=True, check=True)
    assert done.stdout.count(b"cpu@") == len(binding.CASES)
    assert {case.objected for case in binding.CASES} == {True, False}


def test_targets() -> None:
    touched = ["drivers/irqchip/irq-gic.c", "arch/arm64/mm/cache.S", "include/linux/y.h", "D/x.rst"]
    assert compiles.targets(touched) == ["arch/arm64/mm/cache.o", "drivers/irqchip/irq-gic.o"]


@pytest.mark.parametrize("line", series.lines())
def test_every_series_has_something_to_compile(line: str) -> None:
    patches = series.lines()[line].patches
    touched = {path for one in patches for path in series.touched(one)}
    assert "arch/arm64/kernel/smp_spin_table.o" in compiles.targets(touched)
    alone = [one.stem[:4] for one in patches
             if not any(map(compiles.is_compiled, series.touched(one)))]  # fmt: skip
    assert alone == ["0001", "0002", "0003"], "the binding and the document come first"


def test_make_that_is_content() -> None:
    assert compiles.parse("  CC      a.o\n  LD      vmlinux\n", 0) == ""


def test_make_complaints() -> None:
    text = "  CC  a.o\na.c:3:1: error: x [-Werror=y]\ncc1: all\nmake[1]: *** [a.o] Error 1\n"
    assert compiles.parse(text, 2) == "a.c:3:1: error: x [-Werror=y]"
    assert compiles.parse("WARNING: modpost: section mismatch\n", 0) != ""
    assert compiles.parse("ld: undefined reference to `f'\n", 2) == "ld: undefined reference to `f'"
    assert compiles.parse("Killed\n", 137) == "Killed"
    assert compiles.parse("", 2) == "exit status 2"


def test_skipped_is_no_pass() -> None:
    content = Finding("6.1", "dt-schema", "0001-a", "fine", Verdict.CONTENT)
    skipped = Finding("6.1", "dt-schema", "0001-a", "dtc not found", Verdict.SKIPPED)
    assert json.loads(report.as_json([content]))["passed"] is True
    assert json.loads(report.as_json([content, skipped]))["passed"] is False
    assert "1 content, 0 wrong, 1 skipped" in report.text([content, skipped])


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ([Verdict.CONTENT], 0),
        ([Verdict.CONTENT, Verdict.SKIPPED], 3),
        ([Verdict.SKIPPED, Verdict.WRONG], 1),
    ],
)
def test_exit_status(monkeypatch: pytest.MonkeyPatch, verdicts: list[Verdict], status: int) -> None:
    findings = [Finding("6.1", "j", "p", "s", verdict) for verdict in verdicts]
    asked: list[tuple[str, check.Builds]] = []

    def judged(line: str, builds: check.Builds) -> list[Finding]:
        asked.append((line, builds))
        return findings

    monkeypatch.setattr(check, "check_line", judged)
    assert main(["kernel", "check", "6.1", "--quick"]) == status
    assert asked == [("6.1", check.Builds.TOUCHED)]


def test_a_variant_changes_the_labs_configuration() -> None:
    names = [variant.name for variant in compiles.VARIANTS]
    assert names == ["KVM=n", "KEXEC=n", "HOTPLUG_CPU=n", "CPU_BIG_ENDIAN=y"]
    for variant in compiles.VARIANTS:
        option, _, value = variant.name.partition("=")
        wanted = f"CONFIG_{option}=y" if value == "y" else f"# CONFIG_{option} is not set"
        assert wanted in variant.text.splitlines()


def test_a_tree_that_was_built_in_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDPEN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "arch/arm64").mkdir(parents=True)
    (tmp_path / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\n")
    (tmp_path / ".config").touch()
    for words in (["check", "--quick"], ["build"], ["config", "-o", str(tmp_path.parent / "o")]):
        assert main(["kernel", words[0], str(tmp_path), *words[1:]]) == 2
        assert "was built in place: it has .config" in capsys.readouterr().err


def test_the_builds_environment_has_no_git_suffix() -> None:
    assert build.environment({})["LOCALVERSION"] == ""

# SPDX-License-Identifier: BSD-2-Clause
"""Every device tree of Debian's arm64 kernel package, against what was counted independently.

The expectation was found by reading the trees that dtc prints, before there was a checker. It is
of Linux 6.1; Debian's updates of it add boards with PSCI now and then (6.1.0-50 has 576 trees,
6.1.0-56 has 577), and nothing else.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from roundpen.check import Board, Checked, check_files, known
from roundpen.cli import main as cli
from roundpen.kernel import debian
from roundpen.lab.firmware.build import compiler
from roundpen.report.check import Summary
from tests.unit.test_docs import DOCS

SPIN_TABLE = {
    **dict.fromkeys(
        [f"broadcom/bcm2711-rpi-{name}" for name in ("4-b", "400", "cm4-io")]
        + [
            f"broadcom/bcm2837-rpi-{name}"
            for name in ("3-a-plus", "3-b", "3-b-plus", "cm3-io3", "zero-2-w")
        ],
        (4, {0xD8, 0xE0, 0xE8, 0xF0}, [(0, 0x1000)]),
    ),
    **dict.fromkeys(["apm/apm-mustang", "apm/apm-merlin"], (8, {0x1_0000_FFF8}, [])),
    **dict.fromkeys(
        ["arm/foundation-v8", "arm/foundation-v8-gicv3", "arm/rtsm_ve-aemv8a"],
        (4, {0x8000_FFF8}, [(0x8000_0000, 0x1_0000)]),
    ),
}
"""CPUs, release words, and the reservation block as (address, size)."""
FINDINGS = {
    "broadcom": {"RP040"},
    "apm": {"RP024", "RP026", "RP040"},
    "arm": {"RP024", "RP040"},
}
"""Errors and warnings by folder; foundation-v8-gicv3 has an ITS as well."""


@pytest.fixture(scope="module")
def trees() -> list[Path]:
    return debian.kernel("debian-6.1").trees()


@pytest.fixture(scope="module")
def results(trees: list[Path]) -> dict[str, Checked]:
    return {key(Path(each.name)): each for each in check_files(trees)}


def key(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def board(checked: Checked) -> Board:
    assert checked.board is not None, checked.unreadable
    return checked.board


def test_all_are_read(trees: list[Path], results: dict[str, Checked]) -> None:
    assert len(results) == len(trees) >= 576
    assert [each.unreadable for each in results.values() if each.board is None] == []


def test_how_their_cpus_are_started(results: dict[str, Checked]) -> None:
    methods = Counter(
        method for each in results.values() for method in {cpu.method for cpu in board(each).cpus}
    )
    assert methods == {"psci": len(results) - 13 - 23, "spin-table": 13, None: 23}


def test_the_spin_tables(results: dict[str, Checked]) -> None:
    found = {}
    for name, each in results.items():
        one = board(each)
        if any(cpu.spins for cpu in one.cpus):
            block = [entry for entry in one.reserved if entry.path == "/memreserve/"]
            spans = [(entry.range.start, entry.range.end - entry.range.start) for entry in block]
            words = {cpu.word for cpu in one.cpus}
            assert one.psci == ()
            found[name] = (len(one.cpus), words, spans)
    assert found == SPIN_TABLE


@pytest.mark.parametrize("name", SPIN_TABLE)
def test_the_table_of_boards_has_them_as_they_are(results: dict[str, Checked], name: str) -> None:
    one = board(results[name])
    fitting = [row for row in known.boards() if set(row.compatible) & set(one.compatible)]
    assert len(fitting) == 1, f"{one.compatible}: a row of check/boards.toml"
    (row,) = fitting
    cpus, words, reserved = SPIN_TABLE[name]
    assert row.words.startswith("one per CPU" if len(words) == cpus else "one for all")
    span = {(): "no", (0x1000,): "first 4 KiB", (0x1_0000,): "64 KiB"}
    assert row.reserved == span[tuple(size for _, size in reserved)]


def test_boards_that_debian_has_say_what_the_table_says(results: dict[str, Checked]) -> None:
    for row in known.boards():
        trees = [board(one) for one in results.values()]
        own = [one for one in trees if set(row.compatible) & set(one.compatible)]
        methods = {cpu.method for one in own for cpu in one.cpus}
        if row.words.startswith("none: PSCI"):
            assert methods <= {"psci"}, row.name
        else:
            also = {"psci"} if "own PSCI" in row.route else set()
            assert methods <= {"spin-table"} | also, row.name


@pytest.mark.parametrize("name", SPIN_TABLE)
def test_what_is_said_of_them(results: dict[str, Checked], name: str) -> None:
    found = {each.code for each in results[name].findings if each.severity.value != "note"}
    expected = FINDINGS[name.partition("/")[0]]
    assert found == expected | ({"RP086"} if name.endswith("gicv3") else set())
    states = {route.name: route.state.value for route in results[name].routes}
    assert states["pen-psci-el2"] == "depends"
    assert states["nr-cpus"] == ("closed" if name.startswith("apm") else "depends")


def test_those_without_a_method(results: dict[str, Checked]) -> None:
    """19 of NXP's, with a PSCI node that the loader is to connect; two of them have one CPU."""
    names = [name for name, each in results.items() if not any(c.method for c in board(each).cpus)]
    assert sum(name.startswith("freescale/") for name in names) == 19
    for name in names:
        codes = {finding.code for finding in results[name].findings}
        assert ("RP002" in codes) == (len(board(results[name]).cpus) > 1)
        assert results[name].routes[0].name != "pen-psci-el2"


def test_what_a_loader_fills_in_is_not_closed(results: dict[str, Checked]) -> None:
    """Layerscape: U-Boot adds methods, words or the PSCI node, by the firmware that it finds."""
    states = {
        name: {route.name: route.state.value for route in results[f"freescale/{name}"].routes}
        for name in ("fsl-ls2080a-rdb", "fsl-ls1028a-rdb")
    }
    assert states["fsl-ls2080a-rdb"]["psci"] == states["fsl-ls1028a-rdb"]["psci"] == "depends"
    assert states["fsl-ls2080a-rdb"]["pen-psci-el2"] == "depends"
    assert states["fsl-ls1028a-rdb"]["pen-psci-el2"] == "closed"


def test_nothing_is_open_that_only_a_file_promises(results: dict[str, Checked]) -> None:
    """But where there is one CPU and nothing to take back."""
    for each in results.values():
        if len(board(each).possible) > 1:
            assert {route.state.value for route in each.routes} <= {"depends", "closed"}


def test_boards_that_somebody_saw_fail(results: dict[str, Checked]) -> None:
    """MSM8916 and APQ8016 promise PSCI; a Raspberry Pi 3 boots kernels on CPU 0 only."""
    by_code = {
        code: {name for name, each in results.items() if code in {f.code for f in each.findings}}
        for code in ("RP066", "RP067", "RP018")
    }
    assert by_code["RP066"] == set()
    assert by_code["RP067"] == {
        name for name in results if re.match(r"qcom/(msm8916|apq8016)-", name)
    }
    assert by_code["RP018"] == {name for name in SPIN_TABLE if "bcm2837" in name}


def test_boards_with_psci_are_left_alone(results: dict[str, Checked]) -> None:
    """No rule about spin-tables speaks of a board that has none."""
    for each in results.values():
        if not any(cpu.spins for cpu in board(each).cpus):
            codes = {finding.code for finding in each.findings}
            assert not {code for code in codes if "RP020" <= code <= "RP050"}


def test_the_summary_counts_all(results: dict[str, Checked]) -> None:
    summary = Summary()
    for each in results.values():
        summary.add(each)
    assert not summary.all_clean
    assert not summary.unreadable
    assert next(summary.lines([])).startswith(f"{len(results)} trees: ")


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")
@pytest.mark.parametrize("part", range(8))
def test_the_same_facts_as_dtc_prints(
    trees: list[Path], results: dict[str, Checked], part: int
) -> None:
    """An eighth of the trees per test; the text is read with patterns, not with our reader."""
    for path in trees[part::8]:
        command = ["dtc", "-q", "-I", "dtb", "-O", "dts", str(path)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        one = board(results[key(path)])
        block = re.findall(r"^/memreserve/\s+(\w+) (\w+);", text, re.MULTILINE)
        spans = [entry.range for entry in one.reserved if entry.path == "/memreserve/"]
        assert spans == [(int(a, 16), int(a, 16) + int(size, 16)) for a, size in block]
        cpus = re.search(r"^\tcpus \{\n(.*?)^\t\};", text, re.MULTILINE | re.DOTALL)
        found = re.findall(r'device_type = "cpu";', cpus[1]) if cpus else []
        assert len(one.cpus) == len(found)
        # Three tabs: in a CPU's node. In /cpus, 32-bit Linux has a word of its own.
        pattern = re.compile(r'^\t{3}enable-method = "(.*)";', re.MULTILINE)
        methods = pattern.findall(cpus[1]) if cpus else []
        assert [cpu.method for cpu in one.cpus if cpu.method] == methods
        assert len(one.its) <= text.count('"arm,gic-v3-its"')


def test_the_raspberry_pi_page_shows_what_wrap_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = re.findall(
        r"^ +```\n( +vmlinuz-\S+: Linux \S+\n.*?) +```\n",
        (DOCS / "boards" / "raspberry-pi.md").read_text(encoding="utf-8"),
        re.M | re.S,
    )
    (lines,) = (textwrap.dedent(block).splitlines() for block in shown)
    found = debian.kernel("debian-6.1")
    if found.release not in lines[0] or " 12.2." not in compiler():
        pytest.skip(f"the page is of another kernel or compiler than {found.release}")
    monkeypatch.chdir(tmp_path)
    Path(f"vmlinuz-{found.release}").symlink_to(found.image)
    assert cli.main(["wrap", f"vmlinuz-{found.release}", "-o", "kernel-roundpen.img"]) == 0
    printed = capsys.readouterr().out.splitlines()
    # The pen's own size changes with each change of it: that one figure need only be near.
    pen = r"  pen      ([\d,]+) bytes, offer psci"
    (said,), (is_now,) = ([m[1] for m in map(re.compile(pen).fullmatch, text) if m] for text in
                          (lines, printed))  # fmt: skip
    sizes = [int(size.replace(",", "")) for size in (said, is_now)]
    assert max(sizes) < 1.2 * min(sizes)
    assert [line for line in printed if not re.fullmatch(pen, line)] == [
        line for line in lines if not re.fullmatch(pen, line)
    ]

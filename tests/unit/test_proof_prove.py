# SPDX-License-Identifier: BSD-2-Clause
"""Which search is run for what, what counts as expected, and what a missing tool looks like."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roundpen.cli import main as cli
from roundpen.cli.exits import Exit
from roundpen.lab.bench.proof import curve_figures, whole_figures
from roundpen.proof import catalogue, pan, prove
from roundpen.proof.bench import Cost
from roundpen.proof.catalogue import Mutant, Setting
from roundpen.proof.prove import Verdict
from roundpen.proof.search import Run
from roundpen.proof.trail import Timeline

ALL = catalogue.load()
COMPLETE = pan.Search(10, 20, 5, error="", cut_short="", unreached=())


def run(subject: Setting | Mutant, search: pan.Search, violated: str = "") -> Run:
    task = prove.task(subject)
    words = task.model.properties.get(violated, "")
    timeline = Timeline(task.model.name, (), (), words) if violated else None
    return Run(task, search, 1.0, 1.0, 1, timeline)


def test_a_setting_must_be_searched_to_the_end() -> None:
    setting = ALL.settings["return"]
    assert Verdict(setting, run(setting, COMPLETE)).as_expected
    short = replace(COMPLETE, cut_short="out of memory")
    verdict = Verdict(setting, run(setting, short))
    assert not verdict.as_expected
    assert "CUT SHORT" in verdict.outcome


def test_a_mutant_must_violate_what_it_says() -> None:
    mutant = ALL.mutant("W2-the-os-writes-0")
    found = replace(COMPLETE, error="assertion violated 0")
    assert Verdict(mutant, run(mutant, found, "reserved")).as_expected
    assert not Verdict(mutant, run(mutant, found, "asked")).as_expected
    assert not Verdict(mutant, run(mutant, COMPLETE)).as_expected


def test_a_mutant_that_violates_nothing_must_be_searched_to_the_end() -> None:
    mutant = ALL.mutant("R2-no-1")
    assert Verdict(mutant, run(mutant, COMPLETE)).as_expected
    assert not Verdict(mutant, run(mutant, replace(COMPLETE, cut_short="time"))).as_expected


def test_deep_is_for_what_must_hold() -> None:
    holds, falls = ALL.mutant("R2-no-1"), ALL.mutant("S3-no-dsb")
    assert prove.task(holds, deep=True).cpus > prove.task(holds).cpus
    assert prove.task(falls, deep=True).cpus == prove.task(falls).cpus
    assert not prove.task(falls, deep=True).deep
    assert prove.task(falls).shortest
    assert not prove.task(holds).shortest


def test_without_spin_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["prove", "--mutant", "S3-no-dsb"]) == Exit.REFUSED
    error = capsys.readouterr().err
    assert "needs spin" in error
    assert "apt-get install spin" in error


@pytest.mark.parametrize(
    ("argv", "remedy"),
    [
        (["--mutant", "nonsense"], "`roundpen prove --list`"),
        (["--svg", "x.svg"], "there is nothing to draw; add --mutant NAME"),
        (["--scenario", "x"], "there is no binary to run; add --bytes"),
    ],
)
def test_mistakes_are_explained(
    argv: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["prove", *argv]) == Exit.UNUSABLE
    assert remedy in capsys.readouterr().err


def test_the_list_has_every_mutant(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prove", "--list", "--json"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ALL.mutants)


def test_figures_of_the_bench() -> None:
    setting, mutant = ALL.settings["return"], ALL.mutant("R2-no-1")
    verdicts = [Verdict(setting, run(setting, COMPLETE)), Verdict(mutant, run(mutant, COMPLETE))]
    found = {figure.name: figure for figure in whole_figures(verdicts, 12.0)}
    assert found["proof"].value == 12.0
    assert found["proof, searches only"].value == 2.0
    assert found["proof, states"].value == 20
    assert all(figure.met is not False for figure in found.values())
    short = replace(COMPLETE, cut_short="time")
    (*_, wrong) = whole_figures([Verdict(setting, run(setting, short))], 1.0)
    assert wrong.met is False


def test_figures_of_a_curve_name_the_cost() -> None:
    (figure,) = curve_figures([Cost("lock", 3, 1000, 7, 500.0, 2.0, 1 << 20)])
    assert figure.name == "proof, lock, 3 CPUs"
    assert figure.value == 1000
    assert "500 states/s" in figure.note

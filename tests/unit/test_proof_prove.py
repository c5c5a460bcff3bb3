# SPDX-License-Identifier: BSD-2-Clause
"""Which search is run for what, what counts as expected, and what a missing tool looks like."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roundpen.cli import main as cli
from roundpen.proof import catalogue, pan, prove
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
    assert prove.task(falls).shortest
    assert not prove.task(holds).shortest


def test_without_spin_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert cli.main(["prove", "--mutant", "S3-no-dsb"]) == cli.EXIT_MACHINE
    error = capsys.readouterr().err
    assert "needs spin" in error
    assert "apt-get install spin" in error


@pytest.mark.parametrize("argv", [["--mutant", "nonsense"], ["--svg", "x.svg"]])
def test_mistakes_are_explained(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prove", *argv]) == cli.EXIT_USER
    assert "roundpen prove --list" in capsys.readouterr().err or "--svg" in argv


def test_the_list_has_every_mutant(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prove", "--list", "--json"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ALL.mutants)

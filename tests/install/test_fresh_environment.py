# SPDX-License-Identifier: BSD-2-Clause
"""After `pip install .` alone, each verb works, or says in one line what to install.

The verbs and their options come from the parser itself: a new one is tried here unasked, and
fails until SAMPLES has a value for what it takes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from roundpen import extras
from roundpen.cli import main as cli
from roundpen.cli.exits import Exit
from tests.install.wheel import ROOT, environment, package
from tests.unit import samples
from tests.unit.check_boards import spin

SAMPLES = {
    "A,B,..": "lab",
    "BOARD": "board.dtb",
    "CPU": "1",
    "CPUS=FAULT": "1=no-receipt",
    "DIR": "new-folder",
    "FILE": "kernel",
    "FOLDER": "new-folder",
    "KERNEL": "kernel",
    "M": "virt",
    "MACHINE": "virt-returning-el2-gicv3-4-a72",
    "N": "1",
    "NAME": "S3-no-dsb",
    "OBJDIR": "objects",
    "OUT": "out",
    "PATTERN": "virt-*",
    "RPnnn": "RP040",
    "S": "5",
    "TRANSCRIPT": "transcript",
    "TREE": "tree",
    "TREE|6.1|6.12": "6.1",
    "6.1|6.12|PACKAGE": "6.1",
    "WORD": "nosmp",
    "WORDS": "quiet",
    "flavour": "lab",
    "kernel": "lab",
}
"""What is given for a metavar, or for an option's name where it has none."""
WORK = {
    "check --explain RP040", "check --rules", "lab list", "lab list virt-*", "lab list --json",
    "inspect kernel", "inspect --json kernel", "wrap -o out kernel",
    "wrap --offer psci -o out kernel", "prove --list", "prove --document", "module new-folder",
    "kexec --list",
}  # fmt: skip
"""What works without any extra, and without a machine."""
HARMLESS = {"--help", "--list", "--last", "--prepare-single", "--dry-run"}
"""Options of `kexec` with which it never loads anything."""


class Environment(NamedTuple):
    """A fresh environment, and a folder with samples to stand in."""

    bin: Path
    folder: Path


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    place = tmp_path_factory.mktemp("fresh")
    bin_ = environment(place / "venv", package(ROOT, place / "wheel", "wheel"))
    folder = place / "work"
    (folder / "tree" / "arch" / "arm64").mkdir(parents=True)
    (folder / "tree" / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 1\n")
    (folder / "kernel").write_bytes(samples.kernel())
    (folder / "board.dtb").write_bytes(spin().dtb())
    (folder / "transcript").write_text("nothing\n")
    return Environment(bin_, folder)


def lines_of(parser: argparse.ArgumentParser, words: list[str]) -> Iterator[list[str]]:
    """One command line per option of each verb, and one without options."""
    options: list[list[str]] = []
    needed: list[str] = []
    optional: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from lines_of(below, [*words, name])
            return
        given = words_for(action)
        if not action.option_strings:
            (optional if action.nargs in ("?", "*") else needed).extend(given)
        elif action.required:
            needed = [*given, *needed]
        elif action.dest not in ("help", "version"):
            options.append(given)
    yield [*words, *needed]
    if optional:
        yield [*words, *needed, *optional]
    for given in options:
        yield [*words, *given, *needed]


def words_for(action: argparse.Action) -> list[str]:
    name = list(action.option_strings[:1])
    if action.nargs == 0:
        return name
    if action.choices:
        return [*name, str(next(iter(action.choices)))]
    key = str(action.metavar or action.dest)
    assert key in SAMPLES, f"{action.option_strings or action.dest}: SAMPLES has no {key!r}"
    return [*name, SAMPLES[key]]


def run(fresh: Environment, *words: str) -> subprocess.CompletedProcess[str]:
    """As a user whose PATH has nothing but the environment: no QEMU, no compiler, no apt."""
    return subprocess.run(
        [str(fresh.bin / words[0]), *words[1:]],
        cwd=fresh.folder,
        env={"PATH": str(fresh.bin), "HOME": str(fresh.folder), "LC_ALL": "C.UTF-8"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_has_nothing_of_the_extras(fresh: Environment) -> None:
    """Or what follows would show nothing."""
    for module, known in extras.MODULES.items():
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        installed = run(fresh, "python", "-c", code).returncode == 0
        assert installed == (not extras.brought_by(known)), module


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_works_or_says_what_to_install(fresh: Environment, verb: str) -> None:
    lines = [["--help"], *lines_of(cli.parser([verb]), [])]
    lines = [[verb, *line] if line[0] != verb else line for line in lines]
    if verb == "kexec":
        # On an arm64 host this machine would go into the sample.
        lines = [line if set(line) & HARMLESS else [*line, "--dry-run"] for line in lines]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda line: run(fresh, "roundpen", *line), lines))
    for line, result in zip(lines, done, strict=True):
        shown = f"roundpen {' '.join(line)}: {result.returncode}\n{result.stderr[-2000:]}"
        assert "Traceback" not in result.stderr, shown
        assert result.returncode in list(Exit), shown
        if " ".join(line) in WORK or "--help" in line:
            assert (result.returncode, result.stderr) == (Exit.DONE, ""), shown
        elif result.returncode == Exit.REFUSED:
            told = result.stderr.splitlines()[-1]
            assert re.match(
                r"roundpen: error: .*(install|no pen|no device tree|no jump|root)", told
            ), shown
            assert result.stdout == "", shown
        else:
            assert result.returncode == Exit.UNUSABLE, shown
            assert "error: " in result.stderr.splitlines()[-1], shown


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("check board.dtb", "module libfdt is not installed; pip install 'roundpen[check]', or"),
        ("demo", "elftools, libarchive, libfdt are not installed; pip install 'roundpen[lab]', or"),
        ("lab run raspi3b", "libfdt are not installed; pip install 'roundpen[lab]', or install"),
        ("bench", "unicorn are not installed; pip install 'roundpen[lab,prove]', or install"),
        ("prove --bytes", "unicorn are not installed; pip install 'roundpen[prove]', or install"),
        ("prove", "needs spin, which is not on this machine's PATH; install the package spin"),
        ("kernel check 6.1", "no patches: they are GPL-2.0-only, and so not in a wheel; run"),
    ],
)
def test_the_line_names_the_extra(fresh: Environment, line: str, told: str) -> None:
    result = run(fresh, "roundpen", *line.split())
    assert result.returncode == Exit.REFUSED
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_module_is_the_command(fresh: Environment) -> None:
    for line in (["--version"], ["check", "--rules"], ["--nothing"]):
        as_module = run(fresh, "python", "-m", "roundpen", *line)
        as_command = run(fresh, "roundpen", *line)
        assert as_module.stdout == as_command.stdout
        assert as_module.returncode == as_command.returncode


def test_an_installation_without_what_it_requires(tmp_path: Path) -> None:
    code = "import sys; sys.modules['rich'] = None; from roundpen.cli.main import main; "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}sys.exit(main(['status']))"],
        check=False, capture_output=True, text=True, env=os.environ, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == Exit.REFUSED
    assert done.stderr == (
        "roundpen: error: the Python module rich is not installed; pip install roundpen, or "
        "install Debian's python3-rich\n"
    )

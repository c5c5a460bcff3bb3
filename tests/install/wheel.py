# SPDX-License-Identifier: BSD-2-Clause
"""Build the packages, and install the wheel into a new environment, all without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def package(source: Path, out: Path, target: str) -> Path:
    """Build one package with the build system itself: no network, no environment of its own."""
    argv = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    done = subprocess.run(argv, cwd=source, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = out.iterdir()
    return built


def environment(place: Path, wheel: Path) -> Path:
    """A new environment with the wheel and what it requires, and nothing else; its bin folder.

    pip installs the wheel. What it requires is copied, as it is installed here: the same files,
    by the same records, without a network. pip then checks that nothing is missing.
    """
    venv.create(place, symlinks=True)
    (packages,) = place.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "--quiet"]
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel)], check=True, env=quiet)
    (installed,) = metadata.distributions(name="roundpen", path=[str(packages)])
    for name in closure(installed.requires or []):
        copy(metadata.distribution(name), packages)
    subprocess.run([*pip, "check"], check=True, env=quiet)
    return place / "bin"


def closure(requires: list[str]) -> Iterator[str]:
    """What is required without any extra, and what that requires."""
    waiting, seen = list(requires), set[str]()
    while waiting:
        wanted = Requirement(waiting.pop())
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        yield name
        waiting += metadata.requires(name) or []


def copy(distribution: metadata.Distribution, packages: Path) -> None:
    """Copy all files of an installed distribution that lie below its folder of packages."""
    for file in distribution.files or []:
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        target = packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.locate()), target)

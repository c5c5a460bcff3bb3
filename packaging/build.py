# SPDX-License-Identifier: BSD-2-Clause
"""Build the Debian packages: `python packaging/build.py [--out FOLDER]`.

Run by `make deb` in the environment that scripts/setup has made: the wheel comes from hatchling
there, the packages from debhelper. Same sources, same bytes: every date is the changelog's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from email.utils import parsedate_to_datetime
from pathlib import Path

from roundpen import __version__
from roundpen.errors import MachineError, RefusedError, RoundpenError, reason_of

ROOT = Path(__file__).resolve().parents[1]
DEBIAN = ROOT / "packaging" / "debian"
UNITS = ROOT / "src" / "roundpen" / "kexec" / "units"
NAMES = ("roundpen", "roundpen-dkms")
_LOG_LINES = 20


def files() -> list[str]:
    """The names of the package files."""
    return [f"{name}_{__version__}_all.deb" for name in NAMES]


def epoch(changelog: str) -> str:
    """Seconds since 1970 of the newest entry of a Debian changelog. Pure.

    Format: deb-changelog(5). Raises MachineError when there is no date.
    """
    for line in changelog.splitlines():
        if line.startswith(" -- "):
            return str(round(parsedate_to_datetime(line.partition(">  ")[2]).timestamp()))
    raise MachineError("packaging/debian/changelog: no line with a date (` -- NAME <MAIL>  DATE`)")


def build(out: Path) -> list[Path]:
    """Both packages, in the folder `out`.

    Raises RefusedError when a tool is missing, MachineError when one of them fails.
    """
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    environment["SOURCE_DATE_EPOCH"] = epoch((DEBIAN / "changelog").read_text(encoding="utf-8"))
    environment["ROUNDPEN"] = str(Path(sys.executable).with_name("roundpen"))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="roundpen-deb-") as scratch:
        here = Path(scratch) / f"roundpen-{__version__}"
        _gather(here, environment)
        # -d: debhelper is not asked for here but where it is called; a checkout has no Build-Deps.
        _run(["dpkg-buildpackage", "--build=binary", "--no-sign", "-d"], here, environment)
        made = []
        for name in files():
            beside = out / f".{name}.{os.getpid()}"
            shutil.copyfile(Path(scratch) / name, beside)
            made.append(beside.rename(out / name))
    return made


def _gather(here: Path, environment: dict[str, str]) -> None:
    """All that goes into the packages, in a folder as debian/rules wants it."""
    shutil.copytree(DEBIAN, here / "debian")
    hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
    _run([*hatchling, str(here / "wheel")], ROOT, environment)
    shutil.copytree(ROOT / "docs", here / "docs")
    shutil.copyfile(ROOT / "README.md", here / "README.md")
    (here / "units").mkdir()
    for unit in sorted(UNITS.iterdir()):
        shutil.copyfile(unit, here / "units" / unit.name)
    _run([sys.executable, "-m", "roundpen", "module", str(here / "module")], here, environment)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        raise RefusedError(
            f"{command[0]}: cannot be run: {reason_of(error)}", remedy="run scripts/setup deb"
        ) from error
    if done.returncode != 0:
        sys.stderr.write("".join(f"{line}\n" for line in done.stdout.splitlines()[-_LOG_LINES:]))
        raise MachineError(
            f"{' '.join(command[:4])} ...: exit status {done.returncode}",
            remedy="its last lines stand above",
        )


def main() -> int:
    """Build the packages to where --out says; 3 and one line when that fails."""
    parser = argparse.ArgumentParser(description="Build the Debian packages.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="default: dist/")
    try:
        made = build(parser.parse_args().out)
    except RoundpenError as error:
        sys.stderr.write(f"roundpen: error: {error}\n")
        return 3
    sys.stdout.write("".join(f"{path}\n" for path in made))
    return 0


if __name__ == "__main__":
    sys.exit(main())

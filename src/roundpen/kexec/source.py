# SPDX-License-Identifier: BSD-2-Clause
"""The module's source: from the wheel that this installation is, or from the checkout around it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from roundpen import scratch
from roundpen.errors import MachineError, RefusedError, UserError, reason_of

PACKAGED = "data/module"
"""Where a wheel has it, below this package (hatch_build.py puts it there)."""
MADE = "made"
"""The part that is not written by hand: pen/build.py --module writes it."""
_CHECKOUT = Path(__file__).resolve().parents[3]
_SUFFIXES = (".c", ".h", ".S")
_NAMES = ("Kbuild", "Makefile", "dkms.conf")


def is_source(path: Path) -> bool:
    """Whether a file of module/ is source: what a build leaves beside it is not. Pure."""
    return path.name in _NAMES or (path.suffix in _SUFFIXES and ".mod." not in path.name)


def handwritten(folder: Path) -> list[Path]:
    """The sources below `folder`, the made ones left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and is_source(path) and path.relative_to(folder).parts[0] != MADE
    )


def write(folder: Path) -> None:
    """Write all that the module is built from into `folder`, which must not be there yet.

    Beside it first, then by one rename. Raises UserError when there is something already or the
    place can't be written to, RefusedError when this installation has no module.
    """
    if folder.exists() or folder.is_symlink():
        raise UserError(
            f"{folder}: is there already; nothing was written",
            remedy="give the name of a folder that is not there yet",
        )
    fill = _source()
    # Not scratch's own error: it would be about room, and this is the user's folder.
    if not folder.parent.is_dir():
        raise UserError(
            f"{folder}: cannot be written: {folder.parent} is no folder",
            remedy="make that folder first, or give another name",
        )
    with scratch.folder("module", folder.parent) as here:
        beside = here / "module"
        try:
            fill(beside)
            beside.rename(folder)
        except OSError as error:
            raise MachineError(f"{folder}: cannot be written: {reason_of(error)}") from error


def _source() -> Callable[[Path], None]:
    """What fills a new folder with the module's source."""
    packaged = Path(str(resources.files(__package__))) / PACKAGED
    if packaged.is_dir():
        return lambda folder: _copy(packaged, folder)
    if (_CHECKOUT / "module" / "Kbuild").is_file():
        return _from_checkout
    raise RefusedError(
        "this installation carries no module", remedy="install the wheel or the .deb of a release"
    )


def _copy(packaged: Path, folder: Path) -> None:
    for path in sorted(packaged.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(packaged)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _from_checkout(folder: Path) -> None:
    module = _CHECKOUT / "module"
    for path in handwritten(module):
        target = folder / path.relative_to(module)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    build = [sys.executable, "-B", str(_CHECKOUT / "pen" / "build.py"), "--module"]
    done = subprocess.run([*build, str(folder / MADE)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        words = done.stderr.strip().removeprefix("roundpen: error: ")[-600:]
        raise RefusedError(
            f"the resident part of the pen, which the module carries, can't be had: {words}",
            remedy="a wheel and the .deb of a release have it ready",
        )

# SPDX-License-Identifier: BSD-2-Clause
"""The module `roundpen` in the running kernel: is it there, what does it say, load it.

/sys/kernel/roundpen exists exactly while the module has a usable pen (module/README.md), so
that what stands there needs no second opinion. All numbers in it are physical addresses and
bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from roundpen.check.files import read_bounded
from roundpen.check.kernel_log import KernelLog
from roundpen.errors import RefusedError
from roundpen.kexec import program
from roundpen.logbook.parse import Logbook, parse

NAME = "roundpen"
HOME = "sys/kernel/roundpen"
"""Below the root folder."""
TREE = f"/{HOME}/fdt"
"""The running tree with the pen in it; there where the module made the pen."""
VERSION = "1"
_SMALL = 4096
_CPUS_MAX = 4096
_SECONDS = 120
"""The module sends no CPU away while it loads; `maxcpus=` kernels have CPUs brought up first."""


class Pen(StrEnum):
    """Where the pen is from."""

    MADE = "made"
    """The module made it: the running tree does not know it."""
    ADOPTED = "adopted"
    """It was there, and the running tree names it."""


class State(StrEnum):
    """How a CPU stands, from this kernel's side (docs/contract.md)."""

    IN_KERNEL = "in the kernel"
    RETURNING = "returning"
    PARKED = "parked"
    RELEASED = "released"
    """Its word is written, and it has not been seen in the kernel yet."""
    LOST = "lost"


_Kind = TypeVar("_Kind", Pen, State)


@dataclass(frozen=True, slots=True)
class LateCpu:
    """A possible CPU by its logical number; `node`: its path in the device tree."""

    number: int
    mpidr: int
    release_word: int
    state: State
    node: str


@dataclass(frozen=True, slots=True)
class Late:
    """What the module says. `way`: how the running kernel started its CPUs."""

    pen: Pen
    way: str
    level: str
    """"EL2", "EL2 VHE" or "EL1": of the CPUs when they were handed over."""
    base: int
    size: int
    return_entry: int
    loaded: bool
    """An image is loaded; the module can't be removed."""
    cpus: tuple[LateCpu, ...]

    def cpu(self, number: int) -> LateCpu | None:
        """The CPU with that logical number."""
        return next((cpu for cpu in self.cpus if cpu.number == number), None)


def read(root: Path = Path("/")) -> Late | None:
    """What the module says below `root`; None when it is not loaded.

    Raises RefusedError when it is another version's, or not as documented.
    """
    home = root / HOME
    if not home.is_dir():
        return None
    version = _text(home / "version")
    if version != VERSION:
        raise RefusedError(
            f"the module {NAME} speaks version {version}, this roundpen {VERSION}",
            remedy="install both from one release, and load the module again",
        )
    base, size = _pair(home / "region")
    return Late(
        pen=_one_of(home / "pen", Pen),
        way=_text(home / "way"),
        level=_text(home / "level"),
        base=base,
        size=size,
        return_entry=_number(home / "return_entry"),
        loaded=_text(home / "loaded") == "1",
        cpus=tuple(_cpu(number, home / f"cpu{number}") for number in _numbers(home)),
    )


def logbook(root: Path = Path("/")) -> Logbook | None:
    """The logbook of the module's pen; None without one (a firmware's pen keeps none).

    Raises UserError when it is damaged or only root may read it.
    """
    path = root / HOME / "logbook"
    return parse(read_bounded(path, 1 << 20)) if path.exists() else None


def _text(path: Path) -> str:
    return read_bounded(path, _SMALL).decode("ascii", "replace").strip()


def _odd(path: Path, text: str, expected: str) -> RefusedError:
    return RefusedError(
        f"{path}: is {text!r}, expected {expected}",
        remedy="install roundpen and its module from one release",
    )


def _number(path: Path) -> int:
    text = _text(path)
    if not re.fullmatch(r"0x[0-9a-f]{1,16}", text):
        raise _odd(path, text, "a hexadecimal number")
    return int(text, 16)


def _pair(path: Path) -> tuple[int, int]:
    text = _text(path)
    found = re.fullmatch(r"(0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16})", text)
    if not found:
        raise _odd(path, text, "an address and a size")
    return int(found[1], 16), int(found[2], 16)


def _one_of(path: Path, kind: type[_Kind]) -> _Kind:
    text = _text(path)
    try:
        return kind(text)
    except ValueError as error:
        raise _odd(path, text, " or ".join(kind)) from error


def _numbers(home: Path) -> list[int]:
    found = (path.name[3:] for path in home.glob("cpu*"))
    numbers = sorted(int(name) for name in found if name.isdecimal() and len(name) < 5)
    return numbers[:_CPUS_MAX]


def _cpu(number: int, home: Path) -> LateCpu:
    return LateCpu(
        number=number,
        mpidr=_number(home / "mpidr"),
        release_word=_number(home / "release_word"),
        state=_one_of(home / "state", State),
        node=_text(home / "node"),
    )


# --- load it -------------------------------------------------------------------------------

_WITHOUT_PACKAGE = (
    "install the package roundpen-dkms, or build it: roundpen module FOLDER, "
    "make -C FOLDER KDIR=/lib/modules/$(uname -r)/build, insmod FOLDER/roundpen.ko"
)
_REMEDIES = (
    (r"not found in directory|not found in modules", _WITHOUT_PACKAGE),
    (
        r"Key was rejected|Required key not available|unsigned module|Operation not permitted",
        "sign the module with a key that this kernel trusts (DKMS does it with the machine "
        "owner's key)",
    ),
    (
        r"Invalid module format|Exec format error|Unknown symbol|disagrees about version",
        "build the module for the kernel that runs: dkms autoinstall",
    ),
)
"""modprobe's words (kmod 30, libkmod's and the errno's) and the kernel's -> what to do."""


def insert(*, way: str = "", level: int | None = None) -> list[str]:
    """Have modprobe load the module; the kernel's lines about it. Idempotent.

    Called for the user who gave the command, never by itself. `way`: "psci" for a kernel that
    started its CPUs by PSCI. `level`: of the CPUs, for a machine where it can't be known.
    Raises RefusedError with the module's own reason when it is not there or refuses.
    """
    words = ["modprobe", NAME]
    words += [f"way={way}"] if way else []
    words += [f"level={level}"] if level is not None else []
    with KernelLog() as log:
        done = program.run(words, seconds=_SECONDS, remedy="install kmod")
        lines = log.lines()
    if done.returncode:
        raise refusal(lines, done.stderr)
    return [line for line in lines if line.startswith(f"{NAME}:")]


def refusal(log: list[str], said: str) -> RefusedError:
    """The error for a module that did not load: its own reason, or modprobe's words."""
    for line in log:
        reason = line.partition(f"{NAME}: refused: ")[2]
        if reason:
            return RefusedError(
                f"no late pen here: {reason}",
                remedy="roundpen check --live names the other ways; nothing was changed",
            )
    words = " ".join(said.split()).removeprefix("modprobe: ")
    about = [line for line in log if NAME in line]
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, " ".join([words, *about])):
            return RefusedError(f"the module {NAME} was not loaded: {words}", remedy=remedy)
    return RefusedError(
        f"the module {NAME} was not loaded: {words or 'modprobe says no more'}",
        remedy=f"dmesg may say why: {about[-1]}" if about else "dmesg may say why",
    )


def require(root: Path = Path("/")) -> Late:
    """What the module says. Raises RefusedError when it is not loaded."""
    found = read(root)
    if found is None:
        raise RefusedError(f"the module {NAME} is not loaded", remedy=f"modprobe {NAME}")
    return found

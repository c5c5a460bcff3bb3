# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Python and this roundpen in the guest, and what programs there say.

No more of Python than `roundpen status` imports: neither lz4 nor zstandard, so that a verb that
asks for them is noticed.
"""

from __future__ import annotations

import base64
import gzip
import io
import shlex
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import rich

import roundpen
from roundpen.lab.events import Event
from roundpen.lab.guest.root import SUITE, Member, libraries
from roundpen.packages.apt import closure
from roundpen.packages.unpack import unpack

PYTHON = "/usr/bin/python3"
_VERSION = "3.11"
_PACKAGES = (f"python{_VERSION}-minimal", f"libpython{_VERSION}-stdlib")
_STANDARD = f"usr/lib/python{_VERSION}"
_MODULES = (
    "*.py",
    "collections/*.py",
    "encodings/__init__.py",
    "encodings/aliases.py",
    "encodings/ascii.py",
    "encodings/latin_1.py",
    "encodings/utf_8.py",
    "importlib/**/*.py",
    "json/*.py",
    "lib-dynload/_contextvars.*.so",
    "lib-dynload/_decimal.*.so",
    "lib-dynload/_json.*.so",
    "lib-dynload/_typing.*.so",
    "lib-dynload/mmap.*.so",
    "logging/__init__.py",
    "re/*.py",
    "urllib/__init__.py",
    "urllib/parse.py",
)
"""Of the standard library. What is missing ends in an ImportError that names it."""
_ADDED = "usr/lib/python3/dist-packages"

_SCRIPT = "lib/told.sh"
_HEAD = """\
mkdir -p /tmp/told
cd /tmp/told
told() { # name, command and its arguments
	name=$1; shift
	"$@" >$name.out 2>$name.err
	echo $? >$name.status
}
"""
_TAIL = "tar -cz . | base64 >/tmp/told.text\n"
_PIECE = 560
"""Characters in one event: the guest's /init cuts what a step says at 600."""
_PIECES = 16


def files() -> dict[str, Member]:
    """An interpreter with its libraries, and the packages rich and roundpen from this host.

    Raises MachineError when Debian's Python can't be had.
    """
    folder = unpack(
        closure(SUITE, "arm64", _PACKAGES),
        (f"usr/bin/python{_VERSION}", f"{_STANDARD}/*", "*lib/*.so*", "*lib/*/lib*.so*"),
    )
    program = folder / f"usr/bin/python{_VERSION}"
    found = {PYTHON.lstrip("/"): Member(program.read_bytes(), executable=True)}
    found |= libraries(folder, program)
    found |= tree(folder / _STANDARD, _STANDARD, _MODULES)
    for package in (rich, roundpen):
        assert package.__file__ is not None
        home = Path(package.__file__).parent
        found |= tree(home, f"{_ADDED}/{home.name}", ("**/*.py",))
    return found


def tree(home: Path, guest: str, patterns: Sequence[str]) -> dict[str, Member]:
    """The files below `home` that match, for the guest's folder `guest`."""
    return {
        f"{guest}/{path.relative_to(home)}": Member(path.read_bytes())
        for pattern in patterns
        for path in home.glob(pattern)
        if path.is_file()
    }


@dataclass(frozen=True)
class Told:
    """What a program in the guest said, and its exit status."""

    status: int
    out: str
    err: str


def script(programs: Mapping[str, Sequence[str]]) -> dict[str, Member]:
    """The file that runs `programs`, name -> argument vector, one after the other."""
    lines = [f"told {shlex.join([name, *words])}\n" for name, words in programs.items()]
    return {_SCRIPT: Member("".join([_HEAD, *lines, _TAIL]).encode())}


def steps() -> tuple[str, ...]:
    """The scenario's steps: run the script, then bring home what was said, in pieces."""
    pieces = (
        f"run dd if=/tmp/told.text bs={_PIECE} skip={piece} count=1 2>/dev/null"
        for piece in range(_PIECES)
    )
    return (f"run sh /{_SCRIPT}", *pieces)


def told(events: Sequence[Event]) -> dict[str, Told]:
    """What each program said, from the run's events.

    Only whole answers pass: the archive that the pieces make has gzip's checksum.
    """
    said = [event.rest("said") for event in events if event.name == "run"]
    assert len(said) == 1 + _PIECES, f"{len(said)} steps done"
    assert not said[0], said[0]
    assert not said[-1], "the programs said more than the steps bring home"
    packed = base64.b64decode("".join(said).replace(" ", ""), validate=True)
    parts = dict(_members(gzip.decompress(packed)))
    names = {name.rpartition(".")[0] for name in parts}
    return {
        name: Told(int(parts[f"{name}.status"]), parts[f"{name}.out"], parts[f"{name}.err"])
        for name in names
    }


def _members(data: bytes) -> Iterator[tuple[str, str]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name.removeprefix("./"), content.read().decode()

# SPDX-License-Identifier: BSD-2-Clause
"""A guest in which `roundpen kexec` runs as on a board: Debian 13's Python and libfdt, the module.

The scenario's steps `load` and `jump` are done by the verb instead of by kexec-tools alone; the
rest of /init is the lab's own. What the verb says goes out line by line, as events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import roundpen
from roundpen.lab.events import Event
from roundpen.lab.guest import root
from roundpen.lab.guest.root import Member, libraries
from roundpen.packages.apt import closure
from roundpen.packages.unpack import unpack
from tests.boot.guest_python import tree

SUITE = "trixie"
"""The first Debian whose libfdt binding works."""
_VERSION = "3.13"
_PACKAGES = (
    f"python{_VERSION}-minimal", f"libpython{_VERSION}-stdlib", "python3-libfdt", "python3-lz4",
    "python3-zstandard",
)  # fmt: skip
_STANDARD = f"usr/lib/python{_VERSION}"
_ADDED = "usr/lib/python3/dist-packages"
_MODULES = (
    "*.py",
    *(f"{name}/**/*.py" for name in ("collections", "ctypes", "email", "importlib", "json",
                                     "logging", "pathlib", "re", "sysconfig", "tomllib", "urllib",
                                     "zipfile")),
    *(f"encodings/{name}.py" for name in ("__init__", "aliases", "ascii", "latin_1", "utf_8",
                                          "idna")),
    *(f"lib-dynload/{name}.*.so" for name in ("_bz2", "_contextvars", "_decimal", "_lzma",
                                              "mmap", "termios")),
)  # fmt: skip
_PATTERNS = ("*.py", "*.so", "lz4/**/*.py", "lz4/**/*.so", "zstandard/*.py", "zstandard/_cffi*.so",
             "zstandard/backend_c*.so")  # fmt: skip
VERB = "/usr/bin/python3 -m roundpen.cli.main kexec"

_SCRIPT = Path(__file__).with_name("guest_verb.sh")


def files(module: Path, release: str, kernel: Path, trials: str) -> dict[str, Member]:
    """What the guest has beside the lab's own.

    `module`: roundpen.ko for the kernel `release`; `kernel`: the file to go into, as
    /boot/vmlinuz. `trials`: shell functions that are called before the load, `try_it`.
    """
    folder = unpack(
        closure(SUITE, "arm64", _PACKAGES),
        (
            f"usr/bin/python{_VERSION}", f"{_STANDARD}/*", f"{_ADDED}/*", "*lib/*.so*",
            "*lib/*/lib*.so*",
        ),
    )  # fmt: skip
    program = folder / f"usr/bin/python{_VERSION}"
    found = {"usr/bin/python3": Member(program.read_bytes(), executable=True)}
    extensions = (folder / _ADDED).rglob("*.so")
    for one in (program, *extensions, *(folder / _STANDARD).glob("lib-dynload/_[bl]z*.so")):
        found |= libraries(folder, one)
    found |= tree(folder / _STANDARD, _STANDARD, _MODULES)
    found |= tree(folder / _ADDED, _ADDED, _PATTERNS)
    assert roundpen.__file__ is not None
    home = Path(roundpen.__file__).parent
    found |= tree(home, f"{_ADDED}/roundpen", ("**/*.py", "**/*.toml"))
    modules = f"lib/modules/{release}"
    base = root.base()
    return found | {
        f"{modules}/roundpen.ko": Member(module.read_bytes()),
        f"{modules}/modules.dep": Member(b"roundpen.ko:\n"),
        "boot/vmlinuz": Member(kernel.read_bytes()),
        "usr/sbin/kexec": base["bin/kexec"],
        "lib/trials.sh": Member(
            base["lib/trials.sh"].content + _SCRIPT.read_bytes() + trials.encode()
        ),
    }


@dataclass(frozen=True)
class Told:
    """What one call of the verb said, its exit status, and how it left the machine.

    `left`: its temporary files, and a promise that stands.
    """

    status: int
    out: list[str]
    err: list[str]
    loaded: bool
    online: str
    left: str


def told(events: Sequence[Event]) -> dict[str, Told]:
    """What each call said, by its name; those that never ended are missing."""
    found: dict[str, Told] = {}
    lines: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in events:
        name = event.value("name") or ""
        if event.name == "verb-line":
            lines[name, event.value("stream") or ""].append(event.rest("text"))
        elif event.name == "verb":
            found[name] = Told(
                int(event.value("status") or -1),
                lines[name, "out"],
                lines[name, "err"],
                event.value("loaded") == "1",
                event.value("online") or "",
                event.rest("left"),
            )
    return found

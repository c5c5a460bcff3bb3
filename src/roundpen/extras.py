# SPDX-License-Identifier: BSD-2-Clause
"""What a plain `pip install` leaves out, and how to get it: the one place that knows.

A module of somebody else's is imported where it is needed, without a try: when it is missing,
the error comes to `missing`, which says in one line which extra of this package, and which
package of Debian, has it. What works for long before it comes to that asks `need` first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from roundpen.errors import RefusedError


class Module(NamedTuple):
    """Where a module comes from: its distribution on the package index, and Debian's package."""

    distribution: str
    debian: str


MODULES = {
    "elftools": Module("pyelftools", "python3-pyelftools"),
    "libarchive": Module("libarchive-c", "python3-libarchive-c"),
    "libfdt": Module("pylibfdt", "python3-libfdt"),
    "lz4": Module("lz4", "python3-lz4"),
    "numpy": Module("numpy", "python3-numpy"),
    "rich": Module("rich", "python3-rich"),
    "scipy": Module("scipy", "python3-scipy"),
    "unicorn": Module("unicorn", "python3-unicorn"),
    "zstandard": Module("zstandard", "python3-zstandard"),
}
"""By the name that is imported. tests/unit/test_extras.py holds it against pyproject.toml."""

VERBS = {
    "check": ("check",),
    "demo": ("lab",),
    "lab": ("lab",),
    "kernel": ("lab", "kernel"),
    "prove": ("prove",),
    "bench": ("lab", "prove"),
}
"""The extras that a verb uses as a whole: who misses one module of them misses the others next."""


def need(verb: str) -> None:
    """Raise RefusedError unless every module is there that `verb` may use as a whole."""
    from importlib.util import find_spec

    extras = set(VERBS[verb])
    wanted = [name for name, known in MODULES.items() if extras & set(brought_by(known))]
    lacking = [name for name in wanted if find_spec(name) is None]
    if lacking:
        raise _not_installed(lacking, VERBS[verb])


def missing(module: str, verb: str = "") -> RefusedError:
    """The error that says how to get `module`, which `verb` wanted to import."""
    top = module.partition(".")[0]
    if top not in MODULES:
        return RefusedError(
            f"this installation has no Python module {module}", remedy="install roundpen again"
        )
    having = brought_by(MODULES[top])
    whole = VERBS.get(verb, ())
    # What brings all that the verb uses, if it brings the module; otherwise the first that does.
    # None at all: the module belongs to every installation.
    return _not_installed([top], whole if set(whole) & set(having) else having[:1])


def _not_installed(modules: list[str], extras: Sequence[str]) -> RefusedError:
    several = len(modules) > 1
    packages = " ".join(MODULES[name].debian for name in modules)
    return RefusedError(
        f"the Python module{'s' if several else ''} {', '.join(modules)} "
        f"{'are' if several else 'is'} not installed",
        remedy=f"{pip(','.join(extras))}, or install Debian's {packages}",
    )


def pip(extras: str) -> str:
    """The command that brings `extras`, names with commas between them; "" for none."""
    return f"pip install 'roundpen[{extras}]'" if extras else "pip install roundpen"


def brought_by(module: Module) -> list[str]:
    """The extras of this package that bring `module`, in the order of their declaration."""
    from importlib import metadata  # imports more than a check does

    found = []
    for line in metadata.requires("roundpen") or ():
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"""extra\s*==\s*['"]([\w-]+)['"]""", line)
        if name and extra and name[0] == module.distribution:
            found.append(extra[1])
    return found

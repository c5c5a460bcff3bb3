# SPDX-License-Identifier: BSD-2-Clause
"""What a plain `pip install` leaves out, and how to get it: the one place that knows.

A module of somebody else's is imported where it is needed, without a try: when it is missing,
the error comes here, and `missing` says in one line which extra of this package, and which
package of Debian, has it.
"""

from __future__ import annotations

import re
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


def missing(module: str, verb: str = "") -> RefusedError:
    """The error that says how to get `module`, which `verb` wanted to import."""
    top = module.partition(".")[0]
    known = MODULES.get(top)
    if known is None:
        return RefusedError(
            f"this installation has no Python module {module}", remedy="install roundpen again"
        )
    having = extras_of(known.distribution)
    wanted = [extra for extra in VERBS.get(verb, ()) if extra in having]
    # All that the verb uses, if its extras are what brings the module; otherwise the first that
    # does. None: the module belongs to every installation.
    names = ",".join(VERBS[verb] if wanted else having[:1])
    return RefusedError(
        f"the Python module {top} is not installed",
        remedy=f"{pip(names)}, or install Debian's {known.debian}",
    )


def pip(extras: str) -> str:
    """The command that brings `extras`, names with commas between them; "" for none."""
    return f"pip install 'roundpen[{extras}]'" if extras else "pip install roundpen"


def extras_of(distribution: str) -> list[str]:
    """The extras of this package that bring `distribution`, in the order of their declaration."""
    from importlib import metadata  # imports more than a check does

    found = []
    for line in metadata.requires("roundpen") or ():
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"""extra\s*==\s*['"]([\w-]+)['"]""", line)
        if name and extra and name[0] == distribution:
            found.append(extra[1])
    return found

# SPDX-License-Identifier: BSD-2-Clause
"""Kernel configuration as text: what a fragment asks for and what came of it. Pure.

Format: Documentation/kbuild/kconfig.rst of Linux (`CONFIG_X=value`, `# CONFIG_X is not set`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SET = re.compile(r"^(CONFIG_\w+)=(.*)$")
_UNSET = re.compile(r"^# (CONFIG_\w+) is not set$")


def options(text: str) -> dict[str, str]:
    """The options that `text` settles; one that it switches off has the value "n"."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        given = _SET.match(line)
        if given:
            found[given[1]] = given[2]
            continue
        unset = _UNSET.match(line)
        if unset:
            found[unset[1]] = "n"
    return found


def not_granted(fragments: Iterable[str], final: str) -> list[str]:
    """What `fragments` ask for and the final configuration lacks, a line per option.

    kconfig drops an option whose dependencies are missing without a word, and leaves one out
    of the final text altogether when it has become invisible: that counts as "n".
    """
    actual = options(final)
    wanted: dict[str, str] = {}
    for text in fragments:
        wanted.update(options(text))
    return [
        f"{name}: asked for {value}, is {actual.get(name, 'n')}"
        for name, value in wanted.items()
        if actual.get(name, "n") != value
    ]

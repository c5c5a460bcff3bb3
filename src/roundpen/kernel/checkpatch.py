# SPDX-License-Identifier: BSD-2-Clause
"""Linux's scripts/checkpatch.pl --strict, run in the tree that a patch is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from roundpen import scratch
from roundpen.kernel import tool

_LIMIT = 600
_SUMMARY = re.compile(
    r"^total: (\d+) errors, (\d+) warnings, (?:(\d+) checks, )?\d+ lines checked", re.M
)


def remarks(tree: Path, patch: Path, environment: Mapping[str, str], *options: str) -> list[str]:
    """What checkpatch objects to in the file `patch`; empty when it is content.

    `options`: checkpatch's own, say --file when it is a source.
    """
    with scratch.folder("home") as home:
        # It reads .checkpatch.conf from the home folder: nobody's taste but the tree's counts.
        done = tool.run(
            [
                "perl",
                "scripts/checkpatch.pl",
                "--strict",
                "--emacs",
                *options,
                str(patch.resolve()),
            ],
            tree,
            limit=_LIMIT,
            environment={**environment, "HOME": str(home)},
        )
    return parse(done.stdout, patch.name, done.returncode)


def parse(output: str, name: str, status: int) -> list[str]:
    """The remarks in checkpatch's output (--emacs) on the file `name`: "LINE: KIND: words". Pure.

    A CHECK counts like a WARNING, and a script that died leaves no remark: the remarks must be
    as many as the summary says.
    """
    remark = re.compile(rf"^\S*{re.escape(name)}:((?:\d+: )?(?:ERROR|WARNING|CHECK): .*)", re.M)
    found = remark.findall(output)
    totals = _SUMMARY.findall(output)
    if len(totals) == 1 and sum(int(count or 0) for count in totals[0]) == len(found):
        return found
    return [*found, f"checkpatch.pl: exit status {status}: {output.strip()[-300:] or 'no word'}"]

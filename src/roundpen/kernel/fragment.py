# SPDX-License-Identifier: BSD-2-Clause
"""The configuration fragments that a trimmed kernel is merged from, by machine and purpose."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources

from roundpen.errors import UserError

COMMON = "lab"
MACHINES = ("virt", "raspi3b")
"""Machines that have a fragment. Merged, they make one kernel that starts on each."""


def of(machines: Iterable[str] = MACHINES, extra: Iterable[str] = ()) -> dict[str, str]:
    """File name and text of the fragments for `machines`, in order of merging.

    The common one first, `extra` (names of further fragments) last. Raises UserError for a
    machine that has none.
    """
    chosen = list(dict.fromkeys(machines))
    unknown = [name for name in chosen if name not in MACHINES]
    if unknown:
        raise UserError(
            f"no kernel configuration for a machine called {unknown[0]!r}",
            remedy=f"known: {', '.join(MACHINES)}",
        )
    return {f"{name}.config": _text(name) for name in (COMMON, *chosen, *extra)}


def _text(name: str) -> str:
    folder = resources.files("roundpen.kernel") / "fragments"
    return (folder / f"{name}.config").read_text(encoding="utf-8")

# SPDX-License-Identifier: BSD-2-Clause
"""Pens that differ from the real one in one place."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.pen.harness import PEN, pen_build

Change = tuple[str, str, str]
"""File, what stands there once, what stands there instead."""


def altered_pen(
    folder: Path, file: str, old: str, new: str, *more: Change, goal: str = "pen.bin"
) -> bytes:
    """The pen (or another `goal` of its build) with one replacement, or `more`, in a copy of its
    sources, which goes to `folder`.
    """
    sources = folder / "pen"
    shutil.copytree(PEN, sources)
    for where, what, instead in ((file, old, new), *more):
        path = sources / where
        text = path.read_text()
        assert text.count(what) == 1, f"{where}: write this break anew"
        path.write_text(text.replace(what, instead))
    pen: Path = pen_build().compile_pen(folder / "out", sources=sources, goal=goal)
    return pen.read_bytes()

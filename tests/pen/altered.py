# SPDX-License-Identifier: BSD-2-Clause
"""Pens that differ from the real one in one place."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.pen.harness import PEN, pen_build


def altered_pen(folder: Path, file: str, old: str, new: str, *, goal: str = "pen.bin") -> bytes:
    """The pen (or another `goal` of its build) with one replacement in a copy of its sources,
    which goes to `folder`.
    """
    sources = folder / "pen"
    shutil.copytree(PEN, sources)
    path = sources / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file}: write this break anew"
    path.write_text(text.replace(old, new))
    pen: Path = pen_build().compile_pen(folder / "out", sources=sources, goal=goal)
    return pen.read_bytes()

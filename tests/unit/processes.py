# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def children(process: int) -> list[int]:
    """All that `process` has started, and what those have started, by Linux's own record."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(word) for word in path.read_text(encoding="ascii").split()]
    return found + [below for child in found for below in children(child)]

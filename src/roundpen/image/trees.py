# SPDX-License-Identifier: BSD-2-Clause
"""Device trees at the end of a file: `cat Image board.dtb`, as loaders of phones want it."""

from __future__ import annotations

from roundpen.image.unpack import TREE_MAGIC

_TREE_MAX = 2 << 20
"""Bytes. arm64 boots no larger one (Documentation/arch/arm64/booting.rst)."""
_TREE_MIN = 40
"""Bytes of a tree's header (Devicetree Specification 0.4, 5.2)."""
_PADDING = 4096
"""Bytes of zeros that may follow one: partition images are made of pages."""


def appended_at(data: bytes) -> int:
    """Where the device trees at the end of `data` begin; its length when there is none."""
    end = len(data)
    while (start := _last(data, end)) is not None:
        end = start
    return end


def _last(data: bytes, end: int) -> int | None:
    """Where the tree begins that ends at `end`, padding aside."""
    start = data.rfind(TREE_MAGIC, max(0, end - _TREE_MAX - _PADDING), end)
    while start >= 0:
        size = int.from_bytes(data[start + 4 : start + 8], "big")
        stop = start + size
        if size >= _TREE_MIN and end - _PADDING < stop <= end and not any(data[stop:end]):
            return start
        start = data.rfind(TREE_MAGIC, max(0, end - _TREE_MAX - _PADDING), start)
    return None

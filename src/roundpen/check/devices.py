# SPDX-License-Identifier: BSD-2-Clause
"""Which addresses are a device's registers, as the tree has it: asked of few addresses only.

Addresses are translated from bus to bus by `ranges` (Devicetree Specification 0.4, 2.3.8).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from roundpen.check import reading
from roundpen.check.board import Range
from roundpen.devicetree import Node

_NO_DEVICES = ("memory", "reserved-memory", "cpus", "chosen", "aliases")
_MEMORY = ("mmio-sram",)
"""What has `reg` and is memory all the same."""


class _Window(NamedTuple):
    """A part of a bus that the CPUs see: where on the bus, and where to them."""

    on_bus: Range
    to_cpus: int


def registers(root: Node, wanted: Sequence[int]) -> dict[int, str]:
    """Those of the addresses that are in the `reg` of a device, with the device's path."""
    found: dict[int, str] = {}
    addresses = sorted(wanted)
    for span, node in _spans(root) if addresses else ():
        for address in addresses[bisect_left(addresses, span.start) :]:
            if address >= span.end:
                break
            found.setdefault(address, node.path)
        if len(found) == len(addresses):
            break
    return found


def _spans(root: Node) -> Iterator[tuple[Range, Node]]:
    """What each device's `reg` means to the CPUs."""
    whole = [_Window(Range(0, 1 << 64), 0)]
    pending = [
        (node, whole) for node in root.children if node.name.partition("@")[0] not in _NO_DEVICES
    ]
    while pending:
        node, windows = pending.pop()
        if not any(name in _MEMORY for name in node.strings("compatible")):
            for start, size in _pairs(node):
                yield from ((span, node) for span in _seen(Range(start, start + size), windows))
            below = _windows(node, windows)
            pending += [(child, below) for child in node.children if below]


def _bus(node: Node) -> tuple[int, int] | None:
    """Cells of addresses and sizes of `node`'s `reg`; None where it is no memory bus."""
    parent = node.parent or node
    cells = (
        reading.cells_below(parent, "#address-cells"),
        reading.cells_below(parent, "#size-cells"),
    )
    return cells if cells[0] in (1, 2) and cells[1] in (1, 2) else None


def _pairs(node: Node) -> Iterator[tuple[int, int]]:
    """Address and size of each whole entry of `reg`."""
    bus, reg = _bus(node), node.get("reg") or b""
    if bus is not None:
        yield from ((address, size) for address, size in _entries(reg, bus))


def _entries(value: bytes, cells: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    step = 4 * sum(cells)
    for at in range(0, len(value) - step + 1, step):
        numbers, place = [], at
        for count in cells:
            numbers.append(int.from_bytes(value[place : place + 4 * count], "big"))
            place += 4 * count
        yield tuple(numbers)


def _windows(node: Node, outer: list[_Window]) -> list[_Window]:
    """What the CPUs see of the bus that `node` is; nothing where it has no `ranges`."""
    ranges, above = node.get("ranges"), _bus(node)
    if ranges is None or above is None:
        return []
    if not ranges:
        return outer
    own = reading.cells_below(node, "#address-cells"), reading.cells_below(node, "#size-cells")
    if own[0] not in (1, 2) or own[1] not in (1, 2):
        return []
    found = []
    for child, parent, size in _entries(ranges, (own[0], above[0], own[1])):
        for window in outer:
            start = max(parent, window.on_bus.start)
            end = min(parent + size, window.on_bus.end)
            if start < end:
                on_bus = Range(start - parent + child, end - parent + child)
                found.append(_Window(on_bus, start - window.on_bus.start + window.to_cpus))
    return found


def _seen(span: Range, windows: list[_Window]) -> Iterator[Range]:
    """Where the CPUs see a part of a bus."""
    for window in windows:
        start, end = max(span.start, window.on_bus.start), min(span.end, window.on_bus.end)
        if start < end:
            shift = window.to_cpus - window.on_bus.start
            yield Range(start + shift, end + shift)

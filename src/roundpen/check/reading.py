# SPDX-License-Identifier: BSD-2-Clause
"""How Linux reads what the rules and the pen read. One function per question.

docs/reading.md is the table of them, with the kernel's function beside each, and the pen's: what
pen/boot/reading.c answers is the same, which tests/unit/test_reading_compared.py holds. Linux is
6.1 and 6.12 where no version is named. Nodes in, values out; sizes in bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from roundpen.check.board import (
    MPIDR_AFFINITY,
    Address,
    BootEvidence,
    Excluded,
    Range,
)
from roundpen.devicetree import Node

PSCI = ("arm,psci", "arm,psci-0.2", "arm,psci-1.0")
METHODS = ("psci", "spin-table")
CELLS_DEFAULT = 1
"""What no node up to the root says (OF_ROOT_NODE_ADDR_CELLS_DEFAULT, _SIZE_CELLS_DEFAULT)."""
CELLS_MAX = 2
DEPTH_MAX = 63
"""Nodes this deep below the root, or deeper, are not in Linux's tree (FDT_MAX_DEPTH)."""
_TOP = 1 << 64
_NOBODY = _TOP - 1
"""What Linux takes for the id of a CPU that has none."""


# --- strings and cells ---------------------------------------------------------------------


def first_string(node: Node, name: str) -> str | None:
    """A property as strcmp() sees it: up to the first NUL. None when there is no such property.

    A last string without NUL ends where its bytes do: what follows in a DTB is padding, or a
    token, whose first byte is 0.
    """
    return None if node.get(name) is None else node.text(name) or ""


def ended_string(node: Node, name: str) -> str | None:
    """As `first_string`, where Linux insists on a NUL within the property."""
    return node.text(name) if b"\0" in (node.get(name) or b"") else None


def compatible_with(node: Node, wanted: tuple[str, ...]) -> str | None:
    """The first string of `compatible` that is one of `wanted`, whatever its case."""
    return next(
        (name for name in map(str.lower, node.strings("compatible")) if name in wanted), None
    )


def first_cell(node: Node, name: str) -> int | None:
    """A property's first cell; None when it is missing or shorter."""
    value = node.get(name)
    return int.from_bytes(value[:4], "big") if value is not None and len(value) >= 4 else None


def cells_below(node: Node, name: str) -> int:
    """How many cells an address (or size) below `node` has: who does not say it inherits it."""
    above: Node | None = node
    while above is not None:
        found = first_cell(above, name)
        if found is not None:
            return found
        above = above.parent
    return CELLS_DEFAULT


def root_cells(root: Node) -> tuple[int, int] | None:
    """Cells of addresses and sizes of memory; None unless both are 1 or 2.

    Linux reads what is there however short it is, so that a short one means anything.
    """
    found = []
    for name in ("#address-cells", "#size-cells"):
        cells = CELLS_DEFAULT if root.get(name) is None else first_cell(root, name)
        if cells is None or not 1 <= cells <= CELLS_MAX:
            return None
        found.append(cells)
    return found[0], found[1]


def is_available(node: Node) -> bool:
    """Is the node to be used? Its status is "okay" or "ok", or it has none."""
    return first_string(node, "status") in (None, "okay", "ok")


def is_failed(node: Node) -> bool:
    """Is it marked as failed? "fail", or anything that begins with "fail-"."""
    status = first_string(node, "status")
    return status is not None and (status == "fail" or status.startswith("fail-"))


# --- CPUs ------------------------------------------------------------------------------------


def base_name(node: Node) -> str:
    """A node's name as Linux compares it: behind the last "/", which no name should have."""
    return node.name.rpartition("/")[2]


def cpus_node(root: Node) -> Node | None:
    """The first child of the root that is called cpus, without a unit address."""
    return next((node for node in root.children if base_name(node) == "cpus"), None)


def is_cpu(node: Node) -> bool:
    """Is a child of /cpus a CPU? By its name before the "@", or by its device_type."""
    return base_name(node).partition("@")[0] == "cpu" or (
        first_string(node, "device_type") == "cpu"
    )


def cpu_id(node: Node, cells: int) -> int | None:
    """The first `cells` cells of reg; None when it is shorter. What is above 64 bits is lost."""
    reg = node.get("reg")
    if reg is None or cells == 0 or len(reg) < 4 * cells:
        return None
    return int.from_bytes(reg[: 4 * cells], "big") % _TOP


def cpu_ids(node: Node, cells: int) -> Iterator[int]:
    """All ids in reg: Linux finds a CPU's node by any of them, and takes the first node."""
    reg, size = node.get("reg") or b"", 4 * cells
    for at in range(0, len(reg) // size * size if size else 0, size or 1):
        yield int.from_bytes(reg[at : at + size], "big") % _TOP


def release_address(node: Node) -> Address | None:
    """cpu-release-addr as it is; what Linux reads is `Address.value`."""
    value = node.get("cpu-release-addr")
    return None if value is None else Address(value)


class Candidate(NamedTuple):
    """A CPU node before it is known which CPU runs Linux. `hwid` None: none that it can read."""

    path: str
    hwid: int | None
    failed: bool
    method: str | None
    release: Address | None
    ids: tuple[int, ...]
    """The ids in its reg that are some CPU's first."""


class Place(NamedTuple):
    """What Linux makes of a candidate."""

    number: int | None
    excluded: Excluded | None
    read_at: int
    """Index of the node that method and release address are read from."""


def _eligible(nodes: list[Candidate]) -> dict[int, int]:
    """The CPUs that could be the boot CPU: of each id that a CPU can have the first node."""
    found: dict[int, int] = {}
    for index, node in enumerate(nodes):
        if not node.failed and node.hwid is not None and not node.hwid & ~MPIDR_AFFINITY:
            found.setdefault(node.hwid, index)
    return found


def boot_cpu(
    nodes: list[Candidate], header: int, told: int | None = None
) -> tuple[int | None, BootEvidence]:
    """Which CPU is the boot CPU, and how that is known.

    Linux compares MPIDR_EL1 with the ids; `told` is that, where it is known. A tree hints at it:
    among CPUs of a spin-table the boot CPU needs no enable-method, and a loader that changes the
    others may leave it alone (lk2nd leaves it psci). `header` is boot_cpuid_phys, which Linux
    ignores; where nobody sets it dtc writes the first node's id if that is one cell, and else 0.
    """
    eligible = _eligible(nodes)
    if told is not None:
        found = eligible.get(told)
        return found, BootEvidence.MISSING if found is None else BootEvidence.TOLD
    if not eligible:
        return None, BootEvidence.MISSING
    indices = list(eligible.values())
    if len(indices) == 1:
        return indices[0], BootEvidence.ALONE
    guess = nodes[0].hwid
    hints = (
        (BootEvidence.METHOD, _odd_method(nodes, indices)),
        (BootEvidence.HEADER, eligible.get(header) if header and header != guess else None),
    )
    for evidence, hint in hints:
        if hint is not None:
            return hint, evidence
    return eligible.get(header, indices[0]), BootEvidence.ASSUMED


def _odd_method(nodes: list[Candidate], indices: list[int]) -> int | None:
    """The only CPU that is not started from a spin-table: without a method, or of PSCI.

    Of two CPUs with two methods nobody knows which is odd.
    """
    odd = [index for index in indices if nodes[index].method != "spin-table"]
    if len(odd) != 1:
        return None
    method = nodes[odd[0]].method
    return odd[0] if method is None or (method == "psci" and len(indices) > 2) else None


def places(nodes: list[Candidate], boot: int | None) -> list[Place]:
    """What Linux makes of each CPU node when `boot` is the index of the boot CPU's."""
    first: dict[int, int] = {}
    for index, node in enumerate(nodes):
        if not node.failed:
            for hwid in node.ids:
                first.setdefault(hwid, index)
    taken: set[int] = set()
    count, found = 1, []
    for index, node in enumerate(nodes):
        hwid = _NOBODY if node.hwid is None else node.hwid
        read_at = first.get(hwid, index)
        if index == boot:
            found.append(Place(0, None, read_at))
            continue
        excluded = _misnamed(nodes, node, boot, taken)
        if excluded is None:
            taken.add(hwid)
            excluded = _not_started(nodes[read_at], boot)
            found.append(Place(count, excluded, read_at))
        else:
            found.append(Place(None, excluded, index))
        count += not node.failed
    return found


def _misnamed(
    nodes: list[Candidate], node: Candidate, boot: int | None, taken: set[int]
) -> Excluded | None:
    """Why Linux gives a CPU no logical number."""
    if node.failed:
        return Excluded.FAILED
    if node.hwid is None:
        return Excluded.NO_ID
    if node.hwid & ~MPIDR_AFFINITY:
        return Excluded.STRAY_BITS
    if node.hwid in taken or (boot is not None and node.hwid == nodes[boot].hwid):
        return Excluded.DUPLICATE
    return None


def _not_started(node: Candidate, boot: int | None) -> Excluded | None:
    """Why a CPU with a number is not possible; `node` is the one that Linux finds for it."""
    if boot is None:
        return Excluded.BOOT_CPU_MISSING
    if node.method is None:
        return Excluded.NO_METHOD
    if node.method not in METHODS:
        return Excluded.UNKNOWN_METHOD
    if node.method == "spin-table":
        if node.release is None:
            return Excluded.NO_WORD
        if node.release.value is None:
            return Excluded.SHORT_WORD
    return None


# --- PSCI ------------------------------------------------------------------------------------


def is_seen(node: Node) -> bool:
    """Is it in Linux's tree at all? Far too deep a node is not."""
    depth, above = 0, node.parent
    while above is not None and depth < DEPTH_MAX:
        depth, above = depth + 1, above.parent
    return depth < DEPTH_MAX


def psci_function(node: Node, matched: str, name: str) -> bool:
    """Can Linux call it? PSCI 0.1 has the function ids that its node names."""
    return matched != "arm,psci" or first_cell(node, name) is not None


# --- memory ----------------------------------------------------------------------------------


def flat_child(parent: Node, name: str) -> Node | None:
    """The child that libfdt finds by `name`, as Linux does early: with any unit address."""
    return next(
        (node for node in parent.children if name in (node.name, node.name.partition("@")[0])), None
    )


def is_memory(node: Node) -> bool:
    """Is a child of the root RAM that Linux may use?"""
    return first_string(node, "device_type") == "memory" and is_available(node)


def memory_property(node: Node) -> str:
    """Where a memory node's ranges are."""
    return "reg" if node.get("linux,usable-memory") is None else "linux,usable-memory"


def ranges(value: bytes, cells: tuple[int, int]) -> Iterator[Range]:
    """The whole entries of address and size in `value`; empty ones are left out."""
    address, entry = 4 * cells[0], 4 * (cells[0] + cells[1])
    for at in range(0, len(value) - entry + 1, entry):
        start = int.from_bytes(value[at : at + address], "big")
        size = int.from_bytes(value[at + address : at + entry], "big")
        if size:
            yield Range(start, min(start + size, _TOP))


def why_reservations_ignored(root: Node, parent: Node) -> str | None:
    """Why Linux takes nothing from /reserved-memory; None when it does."""
    cells = root_cells(root)
    for index, name in enumerate(("#address-cells", "#size-cells")):
        if parent.get(name) is None:
            return f"it has no {name}"
        if cells is None or first_cell(parent, name) != cells[index]:
            return f"its {name} is not that of the root"
    return "it has no ranges property" if parent.get("ranges") is None else None

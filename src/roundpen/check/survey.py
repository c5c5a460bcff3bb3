# SPDX-License-Identifier: BSD-2-Clause
"""From a device tree to a Board: what the tree says, judged by nobody yet.

What counts as a CPU, as RAM and as reserved is what Linux takes for it (drivers/of/fdt.c,
drivers/of/base.c, arch/arm64/kernel/smp.c), because Linux's view is what kexec depends on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from roundpen.check.board import (
    BLOCK,
    Address,
    Board,
    Cpu,
    Gic,
    Kind,
    Psci,
    Range,
    Reserved,
    Trouble,
)
from roundpen.contract import layout
from roundpen.devicetree import Node, Outline
from roundpen.errors import UserError

_PSCI = ("arm,psci", "arm,psci-0.2", "arm,psci-1.0")
_GICS = {
    "arm,gic-v3": 3,
    "arm,gic-400": 2,
    "arm,cortex-a15-gic": 2,
    "arm,cortex-a9-gic": 2,
    "arm,cortex-a7-gic": 2,
    "arm,gic-v2": 2,
    "qcom,msm-qgic2": 2,
}
_ITS = "arm,gic-v3-its"
_OF_INTEREST = re.compile(rb"psci|gic")
"""In the `compatible` of all that is in the tables above."""
_ENABLED = (None, "ok", "okay")
_TOP = 1 << 64
CPUS_MAX = 4096
"""The most that an arm64 kernel can be configured for (NR_CPUS)."""
RESERVED_MAX = 4096
"""Bounds the work that a hostile tree can cause; real ones have a few dozen."""
_MAP_NODE = re.compile(r"(socket|cluster|core|thread)\d+\Z")


def survey(outline: Outline) -> Board:
    """What `outline` says.

    Raises UserError when the tree is damaged.
    """
    troubles: list[Trouble] = []
    root, chosen = outline.root, outline.node("/chosen")
    cpus, cpu_map = _cpus(outline, troubles)
    psci, gics, its = _by_compatible(outline)
    parent = outline.node("/reserved-memory")
    reserved = tuple(_reserved(outline, parent, troubles))
    if len(reserved) > RESERVED_MAX:
        raise UserError(
            f"{outline.name}: {len(reserved)} reserved ranges; at most {RESERVED_MAX} are read"
        )
    ignored = _why_ignored(root, parent) if parent else None
    return Board(
        name=outline.name,
        kind=_kind(outline),
        model=root.text("model"),
        compatible=root.strings("compatible"),
        size=outline.size,
        cpus=cpus,
        cpu_map=cpu_map,
        memory=tuple(_memory(root, troubles)),
        reserved=tuple(entry for entry in reserved if entry.path == BLOCK or not ignored),
        psci=psci,
        gics=gics,
        its=its,
        efi=chosen is not None and chosen.get("linux,uefi-system-table") is not None,
        pen_offer=chosen.text(layout.CHOSEN_OFFER) if chosen else None,
        pen_refused=chosen.text(layout.CHOSEN_REFUSED) if chosen else None,
        troubles=tuple(troubles),
        reservations_ignored=ignored,
    )


def _kind(outline: Outline) -> Kind:
    """An overlay that nobody has merged has fragments and no /cpus (dtc's format 1)."""
    if outline.node("/cpus") is not None:
        return Kind.BOARD
    fragments = any(
        node.child("__overlay__") is not None
        for node in outline.root.children
        if node.get("target") is not None or node.get("target-path") is not None
    )
    return Kind.OVERLAY if fragments else Kind.BOARD


# --- cells -------------------------------------------------------------------------------


def _cells(node: Node, name: str, otherwise: int) -> int | None:
    """A count of cells; None when the property is not one cell."""
    value = node.get(name)
    if value is None:
        return otherwise
    return int.from_bytes(value, "big") if len(value) == 4 else None


def _bus(node: Node) -> tuple[int, int] | None:
    """Cells of addresses and sizes below `node`; None unless both are 1 or 2.

    Defaults: Devicetree Specification 0.4, 2.3.5.
    """
    address, size = _cells(node, "#address-cells", 2), _cells(node, "#size-cells", 1)
    return (address, size) if address in (1, 2) and size in (1, 2) else None


def _ranges(node: Node, bus: tuple[int, int]) -> Iterator[Range] | None:
    """The ranges of `reg`, empty ones left out; None when it is not whole entries."""
    reg = node.get("reg") or b""
    address, entry = 4 * bus[0], 4 * (bus[0] + bus[1])
    if len(reg) % entry:
        return None
    found = []
    for at in range(0, len(reg), entry):
        start = int.from_bytes(reg[at : at + address], "big")
        size = int.from_bytes(reg[at + address : at + entry], "big")
        if size:
            found.append(Range(start, min(start + size, _TOP)))
    return iter(found)


def _bad_reg(node: Node) -> Trouble:
    length = len(node.get("reg") or b"")
    return Trouble(node.path, "reg", f"{length} bytes", "whole entries of address and size")


def _bad_cells(node: Node) -> Trouble:
    found = ", ".join(
        f"{name} = {_cells(node, name, otherwise)}"
        for name, otherwise in (("#address-cells", 2), ("#size-cells", 1))
    )
    return Trouble(node.path, "#address-cells", found, "1 or 2 of each")


# --- memory ------------------------------------------------------------------------------


def _memory(root: Node, troubles: list[Trouble]) -> Iterator[Range]:
    """RAM: children of the root with device_type "memory" that are not disabled.

    `secure-status` is for the secure world: what it alone has is disabled for us.
    """
    bus = _bus(root)
    if bus is None:
        troubles.append(_bad_cells(root))
        return
    for node in root.children:
        if node.text("device_type") != "memory" or node.text("status") not in _ENABLED:
            continue
        found = _ranges(node, bus)
        if found is None:
            troubles.append(_bad_reg(node))
        else:
            yield from found


def _why_ignored(root: Node, parent: Node) -> str | None:
    """Why Linux takes nothing from /reserved-memory (fdt.c, __reserved_mem_check_root)."""
    if parent.get("ranges") is None:
        return "it has no ranges property"
    for name in ("#address-cells", "#size-cells"):
        here, there = parent.get(name), root.get(name)
        if here is None:
            return f"it has no {name}"
        if there is not None and here != there:
            return f"its {name} is not that of the root"
    return None


def _reserved(outline: Outline, parent: Node | None, troubles: list[Trouble]) -> Iterator[Reserved]:
    for entry in outline.reservations():
        span = Range(entry.address, min(entry.address + entry.size, _TOP))
        yield Reserved(BLOCK, span, no_map=False)
    if parent is None:
        return
    bus = _bus(parent)
    if bus is None:
        troubles.append(_bad_cells(parent))
        return
    for node in parent.children:
        if node.text("status") not in _ENABLED:
            continue
        found = _ranges(node, bus)
        if found is None:
            troubles.append(_bad_reg(node))
            continue
        no_map = node.get("no-map") is not None
        for span in found:
            yield Reserved(node.path, span, no_map)


# --- CPUs --------------------------------------------------------------------------------


def _cpus(
    outline: Outline, troubles: list[Trouble]
) -> tuple[tuple[Cpu, ...], tuple[tuple[str, int | None], ...]]:
    parent = outline.node("/cpus")
    if parent is None:
        return (), ()
    cells = _cells(parent, "#address-cells", 2)
    nodes = [node for node in parent.children if _is_cpu(node)]
    if len(nodes) > CPUS_MAX:
        raise UserError(f"{outline.name}: {len(nodes)} CPUs; at most {CPUS_MAX} are read")
    if nodes and cells not in (1, 2):
        troubles.append(Trouble(parent.path, "#address-cells", f"{cells}", "1 or 2"))
    ids = [_hwid(node, cells or 0) for node in nodes]
    boot = ids.index(outline.boot_cpu) if outline.boot_cpu in ids else 0
    inherited = parent.text("enable-method")
    found = tuple(
        _cpu(node, ids[index], inherited, index == boot) for index, node in enumerate(nodes)
    )
    return found, tuple(_cpu_map(parent, nodes))


def _is_cpu(node: Node) -> bool:
    """As for_each_of_cpu_node() sees it: by device_type, or by the name before the "@"."""
    return node.text("device_type") == "cpu" or node.name.partition("@")[0] == "cpu"


def _hwid(node: Node, cells: int) -> int | None:
    reg = node.get("reg")
    if reg is None or cells not in (1, 2) or len(reg) != 4 * cells:
        return None
    return int.from_bytes(reg, "big")


def _cpu(node: Node, hwid: int | None, inherited: str | None, is_boot: bool) -> Cpu:
    own = node.text("enable-method")
    return Cpu(
        path=node.path,
        unit=node.name.partition("@")[2] or None,
        hwid=hwid,
        method=own or inherited,
        method_inherited=own is None and inherited is not None,
        release=_address(node, "cpu-release-addr"),
        returns_to=_address(node, "cpu-return-addr"),
        status=node.text("status"),
        is_boot=is_boot,
    )


def _address(node: Node, name: str) -> Address | None:
    value = node.get(name)
    return None if value is None else Address(value)


def _cpu_map(parent: Node, nodes: list[Node]) -> Iterator[tuple[str, int | None]]:
    """Where each leaf of the cpu-map points to.

    Phandles are looked up among the CPUs only and never followed further, so that a cycle of
    them is no different from any other wrong one.
    """
    handles: dict[int, int] = {}
    for index, node in enumerate(nodes):
        handle = node.number("phandle") or node.number("linux,phandle")
        if handle is not None:
            handles.setdefault(handle, index)
    top = parent.child("cpu-map")
    pending = [top] if top else []
    while pending:
        node = pending.pop()
        handle = node.number("cpu")
        if node.get("cpu") is not None:
            yield node.path, handles.get(handle) if handle is not None else None
        pending += [below for below in reversed(node.children) if _MAP_NODE.match(below.name)]


# --- what is found by its compatible -----------------------------------------------------


def _by_compatible(
    outline: Outline,
) -> tuple[tuple[Psci, ...], tuple[Gic, ...], tuple[str, ...]]:
    psci: list[Psci] = []
    gics: list[Gic] = []
    its: list[str] = []
    for node in outline.having("compatible", _OF_INTEREST):
        names = node.strings("compatible")
        enabled = _is_enabled(node)
        if any(name in _PSCI for name in names):
            psci.append(_psci(node, names, enabled))
        elif _ITS in names and enabled:
            its.append(node.path)
        elif enabled:
            gics += [Gic(node.path, _GICS[name]) for name in names if name in _GICS][:1]
    return tuple(psci), tuple(gics), tuple(its)


def _is_enabled(node: Node) -> bool:
    return node.text("status") in _ENABLED


def _psci(node: Node, names: tuple[str, ...], enabled: bool) -> Psci:
    return Psci(
        path=node.path,
        compatible=names,
        method=node.text("method"),
        enabled=enabled,
        cpu_off=node.number("cpu_off") is not None,
    )

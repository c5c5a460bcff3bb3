# SPDX-License-Identifier: BSD-2-Clause
"""From a device tree to a Board: what the tree says, judged by nobody yet.

How Linux reads each part is in reading.py, because Linux's view is what kexec depends on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from roundpen.check import reading
from roundpen.check.board import (
    BLOCK,
    Address,
    Board,
    BootEvidence,
    Cpu,
    Gic,
    Kind,
    Psci,
    Range,
    Reserved,
    Trouble,
)
from roundpen.check.devices import registers
from roundpen.check.idle import refused_states
from roundpen.contract import layout
from roundpen.devicetree import Node, Outline
from roundpen.errors import UserError

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
_GICV5 = "arm,gic-v5"
_LOCAL = "brcm,bcm2836-l1-intc"
_OF_INTEREST = re.compile(rb"psci|gic|l1-intc", re.IGNORECASE)
"""In the `compatible` of all that is in the tables above."""
_TOP = 1 << 64
CPUS_MAX = 4096
"""The most that an arm64 kernel can be configured for (NR_CPUS)."""
RESERVED_MAX = 4096
"""Bounds the work that a hostile tree can cause; real ones have a few dozen."""
_MAP_NODE = re.compile(r"(socket|cluster|core|thread)\d+\Z")


def survey(outline: Outline, boot_id: int | None = None) -> Board:
    """What `outline` says. `boot_id`: MPIDR_EL1 of the boot CPU (affinity), where it is known.

    Raises UserError when the tree is damaged.
    """
    troubles: list[Trouble] = []
    root, chosen = outline.root, outline.node("/chosen")
    above = reading.cpus_node(root)
    cells = None if above is None else reading.cells_below(above, "#address-cells")
    cpus, evidence = _cpus(outline, boot_id, troubles)
    cpu_map, elsewhere = _cpu_maps(outline)
    psci, gics, its, cpu_0_only = _by_compatible(outline)
    memory = tuple(_memory(root, troubles))
    parent = reading.flat_child(root, "reserved-memory")
    ignored = reading.why_reservations_ignored(root, parent) if parent else None
    reserved = tuple(_reserved(outline, None if ignored else parent, troubles))
    if len(reserved) > RESERVED_MAX:
        raise UserError(
            f"{outline.name}: {len(reserved)} reserved ranges; at most {RESERVED_MAX} are read"
        )
    return Board(
        name=outline.name,
        kind=_kind(outline),
        model=root.text("model"),
        compatible=root.strings("compatible"),
        size=outline.size,
        cpus=cpus,
        id_cells=cells,
        cpu_map=cpu_map,
        cpu_map_elsewhere=elsewhere,
        boot_evidence=evidence,
        memory=memory,
        reserved=reserved,
        psci=psci,
        gics=gics,
        its=its,
        cpu_0_only=cpu_0_only,
        registers=_registers(root, cpus, memory),
        refused_states=refused_states(
            outline, [node for node in (above.children if above else ()) if reading.is_cpu(node)]
        ),
        efi=chosen is not None and chosen.get("linux,uefi-system-table") is not None,
        pen_offer=chosen.text(layout.CHOSEN_OFFER) if chosen else None,
        pen_refused=chosen.text(layout.CHOSEN_REFUSED) if chosen else None,
        troubles=tuple(troubles),
        reservations_ignored=ignored,
    )


def _kind(outline: Outline) -> Kind:
    """An overlay that nobody has merged has fragments and no /cpus (dtc's format 1)."""
    if reading.cpus_node(outline.root) is not None:
        return Kind.BOARD
    fragments = any(
        node.child("__overlay__") is not None
        for node in outline.root.children
        if node.get("target") is not None or node.get("target-path") is not None
    )
    return Kind.OVERLAY if fragments else Kind.BOARD


# --- memory ------------------------------------------------------------------------------


def _bad_reg(node: Node) -> Trouble:
    length = len(node.get("reg") or b"")
    return Trouble(node.path, "reg", f"{length} bytes", "whole entries of address and size")


def _bad_cells(root: Node) -> Trouble:
    found = ", ".join(
        f"{name} = {reading.cells_below(root, name)}" for name in ("#address-cells", "#size-cells")
    )
    return Trouble(root.path, "#address-cells", found, "1 or 2 of each")


def _memory(root: Node, troubles: list[Trouble]) -> Iterator[Range]:
    """RAM. What a node has behind its last whole entry is a trouble, but Linux reads the others."""
    cells = reading.root_cells(root)
    if cells is None:
        troubles.append(_bad_cells(root))
        return
    for node in root.children:
        if reading.is_memory(node):
            value = node.get(reading.memory_property(node)) or b""
            if len(value) % (4 * sum(cells)):
                troubles.append(_bad_reg(node))
            yield from reading.ranges(value, cells)


def _reserved(outline: Outline, parent: Node | None, troubles: list[Trouble]) -> Iterator[Reserved]:
    """The header's block, then the children of /reserved-memory. Half an entry voids the node."""
    for entry in outline.reservations():
        span = Range(entry.address, min(entry.address + entry.size, _TOP))
        yield Reserved(BLOCK, span, no_map=False)
    cells = reading.root_cells(outline.root)
    if parent is None or cells is None:
        return
    for node in parent.children:
        if not reading.is_available(node):
            continue
        value = node.get("reg") or b""
        if len(value) % (4 * sum(cells)):
            troubles.append(_bad_reg(node))
            continue
        no_map = node.get("no-map") is not None
        for span in reading.ranges(value, cells):
            yield Reserved(node.path, span, no_map)


# --- CPUs --------------------------------------------------------------------------------


def _cpus(
    outline: Outline, boot_id: int | None, troubles: list[Trouble]
) -> tuple[tuple[Cpu, ...], BootEvidence]:
    parent = reading.cpus_node(outline.root)
    if parent is None:
        return (), BootEvidence.MISSING
    cells = reading.cells_below(parent, "#address-cells")
    nodes = [node for node in parent.children if reading.is_cpu(node)]
    if len(nodes) > CPUS_MAX:
        raise UserError(f"{outline.name}: {len(nodes)} CPUs; at most {CPUS_MAX} are read")
    if nodes and not 1 <= cells <= reading.CELLS_MAX:
        troubles.append(Trouble(parent.path, "#address-cells", f"{cells}", "1 or 2"))
    found = _candidates(nodes, cells)
    boot, evidence = reading.boot_cpu(found, outline.boot_cpu, boot_id)
    inherited = reading.first_string(parent, "enable-method")
    cpus = [
        _cpu(nodes[index], found, index, place, inherited)
        for index, place in enumerate(reading.places(found, boot))
    ]
    return tuple(cpus), evidence


def _candidates(nodes: list[Node], cells: int) -> list[reading.Candidate]:
    ids = [reading.cpu_id(node, cells) for node in nodes]
    wanted = set(ids)
    return [
        reading.Candidate(
            path=node.path,
            hwid=hwid,
            failed=reading.is_failed(node),
            method=reading.first_string(node, "enable-method"),
            release=reading.release_address(node),
            ids=tuple(number for number in reading.cpu_ids(node, cells) if number in wanted),
        )
        for node, hwid in zip(nodes, ids, strict=True)
    ]


def _cpu(
    node: Node,
    candidates: list[reading.Candidate],
    index: int,
    place: reading.Place,
    inherited: str | None,
) -> Cpu:
    own, source = candidates[index], candidates[place.read_at]
    return Cpu(
        path=node.path,
        unit=node.name.partition("@")[2] or None,
        hwid=own.hwid,
        method=source.method,
        inherited=inherited if source.method is None else None,
        release=source.release,
        returns_to=_address(node, "cpu-return-addr"),
        status=node.text("status"),
        failed=own.failed,
        is_boot=place.number == 0,
        number=place.number,
        excluded=place.excluded,
        read_at=source.path,
    )


def _address(node: Node, name: str) -> Address | None:
    value = node.get(name)
    return None if value is None else Address(value)


def _cpu_maps(
    outline: Outline,
) -> tuple[tuple[tuple[str, int | None], ...], tuple[str, ...]]:
    """What Linux reads of the cpu-map, and where there are others that it does not find."""
    parent = reading.cpus_node(outline.root)
    below = parent.children if parent is not None else []
    top = next((node for node in below if _is_map(node)), None)
    nodes = [node for node in below if reading.is_cpu(node)]
    found = tuple(_cpu_map(top, nodes)) if top is not None else ()
    places = {node.index for node in below}
    others = (node for node in outline.named("cpu-map") if node.index not in places)
    return found, tuple(node.path for node in others)


def _is_map(node: Node) -> bool:
    return reading.base_name(node).partition("@")[0] == "cpu-map"


def _cpu_map(top: Node, nodes: list[Node]) -> Iterator[tuple[str, int | None]]:
    """Where each leaf of the cpu-map points to.

    Phandles are looked up among the CPUs only and never followed further, so that a cycle of
    them is no different from any other wrong one.
    """
    handles: dict[int, int] = {}
    for index, node in enumerate(nodes):
        handle = node.number("phandle") or node.number("linux,phandle")
        if handle is not None:
            handles.setdefault(handle, index)
    pending = [top]
    while pending:
        node = pending.pop()
        handle = node.number("cpu")
        if node.get("cpu") is not None:
            yield node.path, handles.get(handle) if handle is not None else None
        pending += [below for below in reversed(node.children) if _MAP_NODE.match(below.name)]


def _registers(root: Node, cpus: tuple[Cpu, ...], memory: tuple[Range, ...]) -> dict[int, str]:
    """Asked of the few words outside of RAM: the answer takes a walk through all of the tree."""
    words = {cpu.word for cpu in cpus if cpu.spins and cpu.word is not None}
    outside = [word for word in words if not any(bank.start <= word < bank.end for bank in memory)]
    return registers(root, outside) if memory else {}


# --- what is found by its compatible -----------------------------------------------------


def _by_compatible(
    outline: Outline,
) -> tuple[tuple[Psci, ...], tuple[Gic, ...], tuple[str, ...], tuple[str, ...]]:
    psci: list[Psci] = []
    gics: list[Gic] = []
    its: list[str] = []
    cpu_0_only: list[str] = []
    for node in outline.having("compatible", _OF_INTEREST):
        names = node.strings("compatible")
        enabled = reading.is_available(node)
        matched = reading.compatible_with(node, reading.PSCI)
        if not reading.is_seen(node):
            continue
        if matched is not None:
            psci.append(_psci(node, names, matched, enabled))
        if enabled and reading.compatible_with(node, (_GICV5,)):
            gics.append(Gic(node.path, 5))
        elif enabled and _ITS in names:
            its.append(node.path)
        elif _LOCAL in names:
            # The Raspberry Pi 4 has the node as well, but no driver takes it there.
            if enabled and node.get("interrupt-controller") is not None:
                cpu_0_only.append(node.path)
        elif enabled:
            gics += [Gic(node.path, _GICS[name]) for name in names if name in _GICS][:1]
    return tuple(psci), tuple(gics), tuple(its), tuple(cpu_0_only)


def _psci(node: Node, names: tuple[str, ...], matched: str, enabled: bool) -> Psci:
    return Psci(
        path=node.path,
        compatible=names,
        matched=matched,
        method=reading.ended_string(node, "method"),
        enabled=enabled,
        cpu_on=reading.psci_function(node, matched, "cpu_on"),
        cpu_off=reading.psci_function(node, matched, "cpu_off"),
    )

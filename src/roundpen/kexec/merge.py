# SPDX-License-Identifier: BSD-2-Clause
"""A given device tree, with what firmware and the pen have put into the running one.

A tree from a file is what the board's authors know of every such board. The running one knows
this board: its memory, its serial number and addresses, what firmware keeps for itself, how its
CPUs are started. kexec-tools passes a given tree on as it is, and the next kernel then lacks all
that (linuxboot/book#172, Tow-Boot#66). What is taken over is listed here, and nothing else is.

Properties that refer to other nodes (phandles) are never taken over: the two trees number their
nodes differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from roundpen.check import reading
from roundpen.check.survey import survey
from roundpen.devicetree import Node, Outline, Tree
from roundpen.errors import UserError

_OF_THE_START = {
    "bootargs",
    "linux,initrd-start",
    "linux,initrd-end",
    "linux,elfcorehdr",
    "linux,usable-memory-range",
    "linux,booted-from-kexec",
    "kaslr-seed",
    "rng-seed",
    "phandle",
    "linux,phandle",
    "name",
}
"""In /chosen: what belongs to one start of one kernel, and is made anew for each."""
_KEPT_IN_CHOSEN = {"stdout-path", "linux,stdout-path"}
"""Names of the given tree's own nodes, as long as it has them."""
_ADDRESSES = ("local-mac-address", "mac-address", "address", "local-bd-address")
_PORTS = re.compile(r"(ethernet|wifi|wlan|bluetooth)\d*\Z")
_NUMBERS = {"phandle", "linux,phandle"}
_RESERVED = ("reg", "size", "status", "alloc-ranges", "no-map")
_REFERENCES = re.compile(
    r"(clocks|power-domains|memory-region|display|resets|interrupt-parent|interrupts-extended"
    r"|pinctrl-\d+|.*-supply|.*-gpios?|nvmem-cells|iommus|dmas|phys)\Z"
)
_CPU = ("enable-method", "cpu-release-addr", "cpu-return-addr", "status")
_FIRMWARE_NODES = ("/psci", "/firmware/optee", "/system")
"""Nodes that firmware adds whole: PSCI, OP-TEE, and what a Raspberry Pi says of itself."""


def merge(given: bytes, running: bytes, name: str) -> tuple[bytes, tuple[str, ...]]:
    """The given tree with the running one's facts, and what was taken over, a line each.

    Raises UserError when the two are not of one board, or one of them can't be used.
    """
    pair = _Pair(
        Outline(running, "the running tree"),
        Tree(running, "the running tree"),
        Outline(given, name),
        Tree(given, name),
    )
    _same_board(pair)
    # How the CPUs are started comes first: it is found by the given tree's own cells.
    steps = (_cpus, _root, _memory, _reserved, _block, _ports, _chosen, _framebuffers, _whole_nodes)
    done = tuple(line for step in steps for line in step(pair))
    return pair.tree.to_bytes(), done


class _Pair(NamedTuple):
    """The running tree, twice for two ways of reading, the given one, and what becomes of it."""

    old: Outline
    running: Tree
    new: Outline
    tree: Tree

    def facts(self, path: str) -> dict[str, bytes]:
        """What a node of the running tree says, without the numbers others know it by."""
        found = self.running.properties(path)
        return {name: value for name, value in found.items() if name not in _NUMBERS}

    def plain(self, node: Node) -> bool:
        """Does it refer to no other node?"""
        return not any(_REFERENCES.match(name) for name in self.facts(node.path))

    def copy(self, node: Node) -> None:
        """Add a node of the running tree; its children are left."""
        self.tree.add_node(node.path)
        for name, value in self.facts(node.path).items():
            self.tree.set(node.path, name, value)

    def recoded(self, value: bytes) -> bytes:
        """Addresses and sizes of the running tree, in the cells of the given one."""
        return _recoded(value, self.old, self.new)


def _same_board(pair: _Pair) -> None:
    old, new = pair.old, pair.new
    here, there = old.root.strings("compatible"), new.root.strings("compatible")
    if not there:
        raise UserError(
            f"{new.name}: its root has no compatible", remedy="give the tree of this board"
        )
    if here and here[0] not in there and there[0] not in here:
        raise UserError(
            f"{new.name}: a tree of {there[0]}, this is {here[0]}",
            remedy="give the tree of this board, or leave --dtb out",
        )


# --- cells ---------------------------------------------------------------------------------


def _cells(outline: Outline) -> tuple[int, int]:
    cells = reading.root_cells(outline.root)
    if cells is None:
        raise UserError(
            f"{outline.name}: its root's #address-cells or #size-cells can't be used",
            remedy="give a tree with 1 or 2 of each",
        )
    return cells


def _recoded(value: bytes, old: Outline, new: Outline) -> bytes:
    """Addresses and sizes of `old`, in the cells that `new` has."""
    cells, target = _cells(old), _cells(new)
    if cells == target:
        return value
    out = b""
    for start, end in reading.ranges(value, cells):
        try:
            out += start.to_bytes(4 * target[0], "big") + (end - start).to_bytes(
                4 * target[1], "big"
            )
        except OverflowError as error:
            raise UserError(
                f"{new.name}: its cells have no room for the memory at {start:#x}",
                remedy="give a tree whose root has #address-cells and #size-cells of 2",
            ) from error
    return out


# --- CPUs ----------------------------------------------------------------------------------


def _cpus(pair: _Pair) -> Iterable[str]:
    """How each CPU is started and taken back: by its id, whatever its node is called."""
    old, new, tree = pair.old, pair.new, pair.tree
    known = {cpu.hwid: cpu for cpu in survey(old).cpus}
    found = {cpu.hwid: cpu for cpu in survey(new).cpus}
    if set(known) != set(found) or len(survey(new).cpus) != len(found):
        raise UserError(
            f"{new.name}: has {len(found)} CPUs, the running system {len(known)}, or their ids "
            "differ",
            remedy="give the tree of this board",
        )
    changed = 0
    for hwid, cpu in known.items():
        source, target = old.node(cpu.path), found[hwid].path
        if source is None:
            continue
        for name in _CPU:
            value = source.get(name)
            if value != tree.get(target, name):
                changed += 1
                _put(tree, target, name, value)
    if changed:
        yield "each CPU's enable-method, release and return address"


def _put(tree: Tree, path: str, name: str, value: bytes | None) -> None:
    if value is None:
        tree.remove_property(path, name)
    else:
        tree.set(path, name, value)


# --- memory --------------------------------------------------------------------------------


def _memory(pair: _Pair) -> Iterable[str]:
    old, new, tree = pair.old, pair.new, pair.tree
    banks = [node for node in old.root.children if reading.is_memory(node)]
    if not banks:
        return
    stays = {node.path for node in banks}
    for node in new.root.children:
        if reading.is_memory(node) and node.path not in stays:
            tree.remove_node(node.path)
    for node in banks:
        if not tree.has(node.path):
            tree.add_node(node.path)
        for name, value in pair.facts(node.path).items():
            recoded = name in ("reg", "linux,usable-memory")
            tree.set(node.path, name, pair.recoded(value) if recoded else value)
    yield "memory"


def _reserved(pair: _Pair) -> Iterable[str]:
    """What firmware and the pen keep: nodes with an address. Dynamic ones belong to drivers."""
    old, tree = pair.old, pair.tree
    parent = reading.flat_child(old.root, "reserved-memory")
    if parent is None:
        return
    regions = [node for node in parent.children if node.get("reg") is not None]
    if regions and not tree.has("/reserved-memory"):
        tree.add_node("/reserved-memory")
        for name, cells in zip(("#address-cells", "#size-cells"), _cells(pair.new), strict=True):
            tree.set("/reserved-memory", name, cells.to_bytes(4, "big"))
        tree.set("/reserved-memory", "ranges", b"")
    for node in regions:
        known = tree.has(node.path)
        if not known:
            tree.add_node(node.path)
        for name, value in pair.facts(node.path).items():
            if not known or name in _RESERVED:
                tree.set(node.path, name, pair.recoded(value) if name == "reg" else value)
        yield node.path


def _block(pair: _Pair) -> Iterable[str]:
    """/memreserve/, without the place of the initrd that is gone."""
    old, tree = pair.old, pair.tree
    chosen = old.node("/chosen")
    start = chosen.number("linux,initrd-start") if chosen else None
    have = tree.reservations()
    added = 0
    for entry in old.reservations():
        if entry.size and entry not in have and entry.address != start:
            tree.reserve(entry.address, entry.size)
            added += 1
    if added:
        yield f"{added} of /memreserve/"


# --- what firmware says of this board ------------------------------------------------------


def _root(pair: _Pair) -> Iterable[str]:
    old, tree = pair.old, pair.tree
    for name in ("serial-number", "model"):
        value = old.root.get(name)
        if value is not None and value != tree.get("/", name):
            tree.set("/", name, value)
            yield name


def _ports(pair: _Pair) -> Iterable[str]:
    """Hardware addresses: at the same path, or where an alias of the same name points to."""
    old, new, tree = pair.old, pair.new, pair.tree
    pairs = {node.path: node.path for node in _addressed(old) if tree.has(node.path)}
    aliases, targets = old.node("/aliases"), new.node("/aliases")
    if aliases and targets:
        for name in filter(_PORTS.match, pair.facts("/aliases")):
            source, target = aliases.text(name), targets.text(name)
            if source and target and tree.has(target):
                pairs[source] = target
    for path, target in pairs.items():
        node = old.node(path)
        for name in _ADDRESSES if node else ():
            value = node.get(name) if node else None
            if value is not None and len(value) == 6 and value != tree.get(target, name):
                tree.set(target, name, value)
                yield f"{target}: {name}"


def _addressed(old: Outline) -> Iterable[Node]:
    seen: dict[int, Node] = {}
    for name in _ADDRESSES:
        for node in old.having(name, re.compile(rb"(?s)\A.{6}\Z")):
            seen.setdefault(node.index, node)
    return seen.values()


def _chosen(pair: _Pair) -> Iterable[str]:
    old, tree = pair.old, pair.tree
    chosen = old.node("/chosen")
    if chosen is None:
        return
    if not tree.has("/chosen"):
        tree.add_node("/chosen")
    for name, value in pair.facts(chosen.path).items():
        mine = tree.get("/chosen", name)
        if name in _OF_THE_START or value == mine or (name in _KEPT_IN_CHOSEN and mine):
            continue
        tree.set("/chosen", name, value)
        yield f"/chosen: {name}"
    for node in chosen.children:
        if not tree.has(node.path) and not node.children and pair.plain(node):
            pair.copy(node)
            yield node.path


def _framebuffers(pair: _Pair) -> Iterable[str]:
    """What firmware draws on: where it is and how it looks; not who powers it."""
    old, tree = pair.old, pair.tree
    for node in old.having("compatible", re.compile(rb"(?:\A|\0)simple-framebuffer\0")):
        if tree.has(node.path):
            for name in ("reg", "width", "height", "stride", "format", "status"):
                value = node.get(name)
                if value is not None:
                    tree.set(node.path, name, value)
        elif node.parent is not None and tree.has(node.parent.path) and pair.plain(node):
            pair.copy(node)
        else:
            continue
        yield node.path


def _whole_nodes(pair: _Pair) -> Iterable[str]:
    old, tree = pair.old, pair.tree
    for path in _FIRMWARE_NODES:
        node = old.node(path)
        if node is None or tree.has(path) or not pair.plain(node):
            continue
        if node.parent is not None and not tree.has(node.parent.path):
            tree.add_node(node.parent.path)
        pair.copy(node)
        yield path

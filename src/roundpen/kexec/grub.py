# SPDX-License-Identifier: BSD-2-Clause
"""GRUB's menu and which of its entries would be booted (grub-core/normal/menu.c, 2.12)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from roundpen.kexec import bls, grubenv
from roundpen.kexec.entry import Entry, Menu
from roundpen.kexec.grub_run import Item, Run, State, without_device
from roundpen.kexec.places import Root

PLACES = (
    "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg",
    "/boot/efi/EFI/fedora/grub.cfg",
    "/boot/efi/EFI/debian/grub.cfg",
    "/boot/efi/EFI/BOOT/grub.cfg",
)
_BLS_FOLDER = "/boot/loader/entries"
_DEEP_MAX = 8


@dataclass
class _Node:
    """A line of the menu with what it comes to."""

    title: str
    id: str
    source: str
    entry: Entry | None = None
    inner: list[_Node] | None = None


@dataclass
class _Reading:
    root: Root
    place: str
    run: Run
    with_bls: bool = False
    """Fedora's GRUB has blscfg, and looks for the default in another order."""
    nodes: list[_Node] = field(default_factory=list)


def menu(root: Root) -> Menu:
    """All Linux entries of grub.cfg, those of submenus as "Submenu > Entry".

    Raises UserError when the file is none that GRUB would take.
    """
    for place in PLACES:
        if root.text(place) is not None:
            found = _menu(root, place)
            if found.entries or found.remarks:
                return found
    return Menu()


def _menu(root: Root, place: str) -> Menu:
    reading = _Reading(root, place, Run(root, place))
    state = reading.run.file()
    nodes = _nodes(reading, state, "", 0)
    entries = tuple(_entries(nodes))
    if not entries:
        return Menu()
    wanted = state.variables.get("default", "")
    if wanted is None:
        return Menu(entries, (f'{place}: "default" is set by what only GRUB can know',))
    chosen = _choose(nodes, wanted, with_bls=reading.with_bls)
    if chosen is None or chosen.entry is None:
        what = f'"{chosen.title}"' if chosen else f'default "{wanted}"'
        at = chosen.source if chosen else place
        return Menu(entries, (f"{at}: the default entry, {what}, starts no Linux kernel",))
    reason = _reason(root, place, wanted)
    return Menu(
        tuple(entry.as_default(reason) if entry is chosen.entry else entry for entry in entries)
    )


def _reason(root: Root, place: str, wanted: str) -> str:
    kept = place.rpartition("/")[0] + "/grubenv"
    block = grubenv.read(root, kept) or {}
    for name in ("next_entry", "saved_entry"):
        if wanted and block.get(name) == wanted:
            return f"{name}={wanted} in {kept}"
    if not wanted:
        return f"it is the first one, {place} sets no default"
    return f"default is {wanted} in {place}"


# --- the menu ------------------------------------------------------------------------------


def _nodes(reading: _Reading, state: State, above: str, depth: int) -> list[_Node]:
    nodes: list[_Node] = []
    for item in state.items:
        if item.kind == "blscfg":
            reading.with_bls = True
            nodes += _bls_nodes(reading, state)
            continue
        title = f"{above}{item.title}"
        node = _Node(item.title, item.id, f"{item.place}:{item.line}")
        inner = reading.run.block(item, state)
        if item.kind == "submenu":
            deep = depth < _DEEP_MAX
            node.inner = _nodes(reading, inner, f"{title} > ", depth + 1) if deep else []
        else:
            node.entry = _entry(reading, item, inner, title)
        nodes.append(node)
    return nodes


def _bls_nodes(reading: _Reading, state: State) -> list[_Node]:
    folder = state.variables.get("blsdir") or _BLS_FOLDER
    if not reading.root.is_folder(folder):
        folder = _BLS_FOLDER
    return [
        _Node(entry.title, identity, entry.source, entry)
        for identity, entry in bls.grub_items(reading.root, folder, state.variables)
    ]


def _entry(reading: _Reading, item: Item, inner: State, title: str) -> Entry | None:
    linux = inner.loads.get("linux")
    if not linux:
        return None
    remarks = [f"${name} is known to GRUB only; left out" for name in inner.unknown]
    if item.unsure:
        remarks.append("whether it is in the menu depends on what only GRUB can know")
    initrds, trees = inner.loads.get("initrd", []), inner.loads.get("devicetree", [])
    if len(initrds) > 1:
        remarks.append(f"of {len(initrds)} initrds only the last is used, kexec takes one")

    def file(name: str) -> str:
        return reading.root.locate(without_device(name), item.place)

    return Entry(
        title=title,
        kernel=reading.root.path(file(linux[0])),
        initrd=reading.root.path(file(initrds[-1])) if initrds else None,
        command_line=" ".join(map(_argument, linux[1:])),
        dtb=reading.root.path(file(trees[0])) if trees else None,
        source=f"{item.place}:{item.line}",
        remarks=tuple(remarks),
    )


def _argument(word: str) -> str:
    """A word as GRUB hands it to the kernel: quoted when it has a space (lib/cmdline.c)."""
    word = re.sub(r"\\(?!x[0-9A-Fa-f]{2})|['\"]", r"\\\g<0>", word)
    return f'"{word}"' if " " in word else word


def _entries(nodes: list[_Node]) -> list[Entry]:
    found: list[Entry] = []
    for node in nodes:
        if node.entry:
            found.append(node.entry)
        found += _entries(node.inner or [])
    return found


# --- the default ---------------------------------------------------------------------------


def _choose(nodes: list[_Node], wanted: str, *, with_bls: bool) -> _Node | None:
    """The line that is taken when nobody touches a key; in a submenu the one in it."""
    if not nodes:
        return None
    first, rest = _first(wanted)
    number = _fedora_number(nodes, wanted, first) if with_bls else _number(nodes, wanted, first)
    node = nodes[number] if number is not None and number < len(nodes) else nodes[0]
    return node if node.inner is None else _choose(node.inner, rest, with_bls=with_bls)


def _first(wanted: str) -> tuple[str, str]:
    """What is before the first single ">", with ">>" as ">", and what is behind it."""
    found = re.match(r"((?:[^>]|>>)*)(?:>(.*))?", wanted, re.S)
    assert found
    return found[1].replace(">>", ">"), found[2] or ""


def _number(nodes: list[_Node], wanted: str, first: str) -> int | None:
    """Digits at the front are a number, whatever is behind them; else a title or an id."""
    number, _ = _by_number(wanted)
    if number is not None:
        return number
    return next((at for at, node in enumerate(nodes) if first in (node.title, node.id)), None)


def _fedora_number(nodes: list[_Node], wanted: str, first: str) -> int | None:
    """Fedora's: an id, then a title, then a number and nothing behind it.

    A machine id, with which the ids of its entries begin, may begin with a digit.
    """
    for names in ([node.id for node in nodes], [node.title for node in nodes]):
        if first in names:
            return names.index(first)
    number, tail = _by_number(wanted)
    return None if tail.strip() else number


def _by_number(wanted: str) -> tuple[int | None, str]:
    """As strtoul() with base 0; and what is behind the number."""
    found = re.match(r"\s*(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", wanted, re.ASCII)
    if not found:
        return None, wanted
    text = found[1].lower()
    base = 16 if text.startswith("0x") else 8 if text.startswith("0") else 10
    return int(text, base), wanted[found.end() :]

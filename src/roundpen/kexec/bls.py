# SPDX-License-Identifier: BSD-2-Clause
"""Boot Loader Specification entries (UAPI.1, type 1), as systemd-boot and as Fedora's GRUB.

The two read the same files and differ in nearly all else: order, default, variables, and in
what ends a file. `menu` is systemd-boot's view; `grub_items` is what GRUB's blscfg makes of them.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cmp_to_key

from roundpen.kexec import versions
from roundpen.kexec.entry import Entry, Menu
from roundpen.kexec.places import Root

PARTITIONS = ("/boot", "/efi", "/boot/efi")
_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_COUNTER = re.compile(r"\+(\d+)(?:-(\d+))?$")
_ARCHITECTURE = "aa64"


@dataclass(frozen=True)
class Snippet:
    """One entry's file. `name`: without ".conf"; `place`: the file."""

    name: str
    place: str
    pairs: tuple[tuple[str, str], ...]

    def all(self, key: str) -> list[str]:
        """All values of `key`, in their order."""
        return [value for name, value in self.pairs if name == key]

    def first(self, key: str) -> str | None:
        """The first value of `key`."""
        return next(iter(self.all(key)), None)


def snippets(root: Root, folder: str, *, as_grub: bool = False) -> list[Snippet]:
    """The entries in `folder`, by name.

    GRUB stops at the first line without a value, be it an empty one (blscfg.c, read_entry());
    the specification lets a reader go on.
    """
    found = []
    for name in root.names(folder):
        place = f"{folder}/{name}"
        if name.startswith(".") or not name.endswith(".conf") or not root.is_file(place):
            continue
        pairs = []
        for line in (root.text(place) or "").split("\n"):
            text = line.strip(" \t\r")
            if text.startswith("#"):
                continue
            key, value = ([*re.split(r"[ \t]+", text, maxsplit=1), ""])[:2]
            if not value and as_grub:
                break
            if value:
                pairs.append((key, value))
        found.append(Snippet(name.removesuffix(".conf"), place, tuple(pairs)))
    return found


def _located(root: Root, snippet: Snippet, path: str) -> str:
    return root.locate(path, snippet.place)


# --- systemd-boot --------------------------------------------------------------------------


def menu(root: Root) -> Menu:
    """The entries of all partitions, sorted as the specification says.

    The default: the variables LoaderEntryOneShot and LoaderEntryDefault, then loader.conf's
    pattern, then the first one (systemd-boot(7), loader.conf(5)).
    """
    found: list[Snippet] = []
    for partition in PARTITIONS:
        found += [
            snippet
            for snippet in snippets(root, f"{partition}/loader/entries")
            if snippet.first("linux") and _is_ours(snippet)
        ]
    found.sort(key=cmp_to_key(_compare))
    chosen, reason = _chosen(root, found)
    entries = tuple(
        _entry(root, snippet).as_default(reason) if snippet is chosen else _entry(root, snippet)
        for snippet in found
    )
    unified = [
        f"{partition}/EFI/Linux/{name}"
        for partition in PARTITIONS
        for name in root.names(f"{partition}/EFI/Linux")
        if name.endswith(".efi")
    ]
    remarks = [f"{place}: unified kernel images are not considered" for place in unified[:1]]
    if found and chosen is None:
        remarks.append(reason)
    return Menu(entries, tuple(remarks))


def _is_ours(snippet: Snippet) -> bool:
    architecture = snippet.first("architecture")
    return architecture is None or architecture.lower() == _ARCHITECTURE


def _compare(one: Snippet, two: Snippet) -> int:
    """Below 0: `one` comes first."""
    bad = [_tries_left(snippet) == 0 for snippet in (one, two)]
    if bad[0] != bad[1]:
        return 1 if bad[0] else -1
    keys = [snippet.first("sort-key") for snippet in (one, two)]
    if (keys[0] is None) != (keys[1] is None):
        return 1 if keys[0] is None else -1
    if keys[0] is not None:
        for key in ("sort-key", "machine-id"):
            first, second = ((snippet.first(key) or "").encode() for snippet in (one, two))
            if first != second:
                return -1 if first < second else 1
        newer = versions.uapi(one.first("version") or "", two.first("version") or "")
        if newer:
            return -newer
    return -versions.uapi(_plain(one), _plain(two)) or -versions.uapi(one.name, two.name)


def _tries_left(snippet: Snippet) -> int | None:
    counter = _COUNTER.search(snippet.name)
    return int(counter[1]) if counter else None


def _plain(snippet: Snippet) -> str:
    return _COUNTER.sub("", snippet.name)


def _chosen(root: Root, found: list[Snippet]) -> tuple[Snippet | None, str]:
    for variable in ("LoaderEntryOneShot", "LoaderEntryDefault"):
        name = _variable(root, variable)
        if name is None:
            continue
        match = _matching(found, name)
        return match, f"{variable} is {name}" + ("" if match else ", which is no entry here")
    for partition in PARTITIONS:
        place = f"{partition}/loader/loader.conf"
        for number, line in enumerate((root.text(place) or "").split("\n"), 1):
            word, _, pattern = line.strip().partition(" ")
            if word != "default" or not pattern.strip():
                continue
            match = _matching(found, pattern.strip())
            if match or pattern.strip().startswith("@"):
                return match, f"default {pattern.strip()} ({place}:{number})"
    return (found[0] if found else None), "it is the first in the specification's order"


def _matching(found: list[Snippet], pattern: str) -> Snippet | None:
    """Entries are named with their suffix and without their counter."""
    for snippet in found:
        name = f"{_plain(snippet)}.conf".lower()
        if fnmatch.fnmatchcase(name, pattern.lower()) or name == f"{pattern.lower()}.conf":
            return snippet
    return None


def _variable(root: Root, name: str) -> str | None:
    """An EFI variable's text: 4 bytes of attributes, then UTF-16."""
    data = root.data(f"/sys/firmware/efi/efivars/{name}-{_VENDOR}")
    return data[4:].decode("utf-16-le", "replace").rstrip("\0") if data else None


def _entry(root: Root, snippet: Snippet) -> Entry:
    remarks = []
    if _tries_left(snippet) == 0:
        remarks.append("it has failed as often as it may (boot counting)")
    if snippet.all("devicetree-overlay"):
        remarks.append("the loader applies overlays to the tree, roundpen does not")
    title = " ".join(filter(None, (snippet.first("title"), snippet.first("version"))))
    return _make(
        root,
        snippet,
        title=title or snippet.name,
        initrds=snippet.all("initrd"),
        command_line=" ".join(snippet.all("options")),
        devicetree=snippet.first("devicetree"),
        remarks=remarks,
    )


def _make(
    root: Root,
    snippet: Snippet,
    *,
    title: str,
    initrds: list[str],
    command_line: str,
    devicetree: str | None,
    remarks: list[str],
) -> Entry:
    if len(initrds) > 1:
        remarks = [*remarks, f"of {len(initrds)} initrds only the last is used, kexec takes one"]
    return Entry(
        title=title,
        kernel=root.path(_located(root, snippet, snippet.first("linux") or "")),
        initrd=root.path(_located(root, snippet, initrds[-1])) if initrds else None,
        command_line=command_line,
        dtb=root.path(_located(root, snippet, devicetree)) if devicetree else None,
        source=snippet.place,
        remarks=tuple(remarks),
    )


# --- GRUB ----------------------------------------------------------------------------------


def grub_items(
    root: Root, folder: str, variables: Mapping[str, str | None]
) -> list[tuple[str, Entry]]:
    """What GRUB's `blscfg` adds to the menu: the id of each item, and the entry, newest first.

    `variables`: GRUB's, from grub.cfg and grubenv; None: one that can't be known.
    """
    found = [snippet for snippet in snippets(root, folder, as_grub=True) if snippet.first("linux")]
    found.sort(key=cmp_to_key(lambda one, two: -versions.grub(one.name, two.name)))
    return [(snippet.name, _grub_entry(root, snippet, variables)) for snippet in found]


def _grub_entry(root: Root, snippet: Snippet, variables: Mapping[str, str | None]) -> Entry:
    unknown: list[str] = []
    options = snippet.first("options") or variables.get("default_kernelopts") or ""
    command_line = _expand(options, variables, unknown)
    initrds = [
        name
        for value in snippet.all("initrd")
        for name in _expand(value, variables, unknown).split()
    ]
    linux = snippet.first("linux") or ""
    devicetree = _expand(snippet.first("devicetree") or "", variables, unknown)
    if not devicetree and variables.get("devicetree"):
        # A name without a folder, which lies beside the kernel.
        devicetree = linux.rpartition("/")[0] + "/" + (variables["devicetree"] or "")
    return _make(
        root,
        snippet,
        title=snippet.first("title") or linux,
        initrds=initrds,
        command_line=command_line,
        devicetree=devicetree.strip() or None,
        remarks=[f"${name} is known to GRUB only; left out" for name in dict.fromkeys(unknown)],
    )


def _expand(value: str, variables: Mapping[str, str | None], unknown: list[str]) -> str:
    """Variables in a value; blscfg sets a space behind each (blscfg.c, expand_val())."""

    def one(found: re.Match[str]) -> str:
        text = variables.get(found[1], "")
        if text is None:
            unknown.append(found[1])
        return f"{text} " if text else ""

    return re.sub(r"(?<!\\)\$(\w+) ?", one, value, flags=re.ASCII).rstrip(" ")

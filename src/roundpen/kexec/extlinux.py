# SPDX-License-Identifier: BSD-2-Clause
"""extlinux.conf as U-Boot reads it (boot/pxe_utils.c, read in U-Boot of 2026-08).

Written by u-boot-menu (Debian), NixOS, postmarketOS and others. U-Boot's reading differs from
syslinux': the value is the rest of the line, a word that it does not know ends a label, and a
word without its value makes it drop the whole file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from roundpen.errors import UserError
from roundpen.kexec.entry import Entry, Menu
from roundpen.kexec.places import Root, join

PLACES = tuple(
    f"{folder}/extlinux/extlinux.conf" for folder in ("/boot", "", "/boot/firmware", "/boot/efi")
)
"""U-Boot looks at "/" and "/boot/" of each partition that can be booted."""

_NESTED_MAX = 16
_LABELS_MAX = 1000
_OF_A_LABEL = {
    "kernel": "kernel",
    "linux": "kernel",
    "append": "append",
    "initrd": "initrd",
    "fdt": "fdt",
    "devicetree": "fdt",
    "fdtdir": "fdtdir",
    "devicetreedir": "fdtdir",
    "fdtoverlays": "overlays",
    "devicetree-overlay": "overlays",
    "localboot": "localboot",
    "ipappend": "ipappend",
    "kaslrseed": "",
}
_WORD_END = re.compile(r"[ \t\v\f\r]|$")
_LAST_WINS = ("kernel", "append", "localboot", "ipappend")


@dataclass
class _Label:
    name: str
    source: str
    title: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class _Read:
    """What was read so far, over all included files."""

    labels: list[_Label] = field(default_factory=list)
    default: str | None = None
    default_source: str = ""
    open_label: bool = False
    """Does the next line belong to the last label?"""


def menu(root: Root) -> Menu:
    """The labels of the first extlinux.conf that is there.

    Raises UserError where U-Boot would drop the file.
    """
    for place in PLACES:
        if root.text(place) is not None:
            return _menu(root, place)
    return Menu()


def _menu(root: Root, place: str) -> Menu:
    read = _Read()
    _file(root, place, read, 1)
    entries = []
    chosen = None
    for label in read.labels:
        entry = _entry(root, place, label)
        if label.name == read.default:
            chosen = label
        if entry is not None:
            entries.append((label, entry))
    # No such label: U-Boot tries all of them, in their order.
    reason = f"default {read.default}" if chosen else "the first label, no default is there"
    if not chosen and entries:
        chosen = entries[0][0]
    marked = tuple(
        entry.as_default(f"{reason} ({read.default_source or place})") if label is chosen else entry
        for label, entry in entries
    )
    if chosen and not any(entry.default for entry in marked):
        return Menu(marked, (f"{chosen.source}: the default label has no kernel",))
    return Menu(marked)


def _file(root: Root, place: str, read: _Read, depth: int) -> None:
    text = root.text(place)
    if text is None:
        raise UserError(f"{place}: is included and not there", remedy="U-Boot drops the whole menu")
    if depth > _NESTED_MAX:
        raise UserError(f"{place}: included more than {_NESTED_MAX} deep", remedy="mend the circle")
    read.open_label = False
    for source, word, rest in _lines(text, place):
        if read.open_label and word in _OF_A_LABEL:
            _in_label(read.labels[-1], source, word, rest)
        elif word == "menu":
            _menu_line(root, place, read, source, rest, depth)
        else:
            read.open_label = False
            _top(root, place, read, source, word, rest, depth)
    read.open_label = False


def _lines(text: str, place: str) -> Iterator[tuple[str, str, str]]:
    """Source, word in small letters, rest of the line; empty lines and comments left out."""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.lstrip(" \t")
        if line and not line.startswith("#"):
            word = line[: _WORD_END.search(line).start()]  # type: ignore[union-attr]
            yield f"{place}:{number}", word.lower(), line[len(word) :].lstrip(" \t")


def _value(source: str, word: str, rest: str) -> str:
    if not rest or rest.startswith("#"):
        raise UserError(f'{source}: "{word}" without a value', remedy="U-Boot drops the whole menu")
    return rest


def _in_label(label: _Label, source: str, word: str, rest: str) -> None:
    key = _OF_A_LABEL[word]
    if not key or (key in label.values and key not in _LAST_WINS):
        return
    label.values[key] = _value(source, word, rest)
    if key == "append" and "initrd=" in rest:
        label.values.setdefault("initrd", rest.partition("initrd=")[2].split(" ")[0])


def _menu_line(root: Root, place: str, read: _Read, source: str, rest: str, depth: int) -> None:
    word, _, value = rest.partition(" ")
    word, value = word.strip().lower(), value.strip(" \t")
    label = read.labels[-1] if read.open_label else None
    if label is None:
        if word in ("title", "background", "include"):
            _value(source, f"menu {word}", value)
        if word == "include":
            _include(root, place, read, value, depth)
    elif word == "label":
        label.title = value
    elif word == "default" and read.default is None:
        read.default, read.default_source = label.name, source


def _top(
    root: Root, place: str, read: _Read, source: str, word: str, rest: str, depth: int
) -> None:
    if word == "label":
        if len(read.labels) == _LABELS_MAX:
            raise UserError(f"{source}: more than {_LABELS_MAX} labels", remedy="give KERNEL")
        read.labels.append(_Label(_value(source, word, rest), source))
        read.open_label = True
    elif word in ("default", "ontimeout"):
        read.default, read.default_source = _value(source, word, rest), source
    elif word == "include":
        _include(root, place, read, _value(source, word, rest), depth)
    elif word in ("timeout", "fallback"):
        _value(source, word, rest)


def _include(root: Root, place: str, read: _Read, name: str, depth: int) -> None:
    _file(root, _locate(root, place, name), read, depth + 1)
    read.open_label = False


def _locate(root: Root, place: str, name: str) -> str:
    """U-Boot takes names without "/" at their front from the folder of the file."""
    folder = posixpath.dirname(place)
    return root.locate(name, place) if name.startswith("/") else join(folder, name)


def _entry(root: Root, place: str, label: _Label) -> Entry | None:
    values = label.values
    if "localboot" in values or "kernel" not in values:
        return None
    kernel, _, part = values["kernel"].partition("#")
    files = {
        key: root.path(_locate(root, place, values[key]))
        for key in ("initrd", "fdt")
        if key in values
    }
    command_line = values.get("append", "")
    remarks = [text for key, text in _REMARKS.items() if key in values]
    if "fdtdir" in values and "fdt" not in values:
        remarks.append(
            f"fdtdir {values['fdtdir']}: the file there is named by U-Boot's variable fdtfile; "
            "the running tree is used instead"
        )
    if part:
        remarks.append("the kernel is one part of a FIT, which is no Image")
    if "${" in command_line or "$(" in command_line:
        remarks.append("the command line has variables of U-Boot's in it, left as they are")
    return Entry(
        title=label.title or label.name,
        kernel=root.path(_locate(root, place, kernel)),
        initrd=files.get("initrd"),
        command_line=command_line,
        dtb=files.get("fdt"),
        source=label.source,
        remarks=tuple(remarks),
    )


_REMARKS = {
    "overlays": "U-Boot applies overlays to the tree, roundpen does not",
    "ipappend": "U-Boot adds its network settings to the command line, roundpen does not",
}

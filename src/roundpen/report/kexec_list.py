# SPDX-License-Identifier: BSD-2-Clause
"""What a system can boot, for `roundpen kexec --list`: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap

from roundpen.check.files import escaped
from roundpen.kexec.entry import Entry, Menu

FORMAT = "roundpen-kexec-list-1"
WIDTH = 100
_LABEL = 13


def lines(menu: Menu) -> Iterator[str]:
    """The menu, a few lines an entry; the default is marked."""
    if not menu.entries:
        yield "nothing found: no loader's configuration, and no kernel in /boot"
    for number, entry in enumerate(menu.entries):
        if number:
            yield ""
        yield from _entry(entry)
    for remark in menu.remarks:
        yield ""
        yield from _wrapped("note:", remark, indent=0)


def _entry(entry: Entry) -> Iterator[str]:
    mark = "*" if entry.default else " "
    yield f"{mark} {escaped(entry.title)}"
    yield from _wrapped("kernel", str(entry.kernel))
    if entry.initrd:
        yield from _wrapped("initrd", str(entry.initrd))
    if entry.dtb:
        yield from _wrapped("tree", str(entry.dtb))
    yield from _wrapped("command line", entry.command_line or "(none)")
    yield from _wrapped("from", entry.source)
    if entry.default:
        yield from _wrapped("boots next", entry.reason)
    for remark in entry.remarks:
        yield from _wrapped("note", remark)


def _wrapped(label: str, text: str, indent: int = 4) -> Iterator[str]:
    front = " " * indent + f"{label:<{_LABEL}}"
    room = WIDTH - len(front)
    pieces = wrap(escaped(text), room, break_on_hyphens=False, break_long_words=False)
    for number, piece in enumerate(pieces or [""]):
        yield (front if number == 0 else " " * len(front)) + piece


def document(menu: Menu) -> str:
    """The menu as JSON."""
    return json.dumps(as_json(menu), indent=2)


def as_json(menu: Menu) -> dict[str, object]:
    """Plain values, paths as text."""
    return {
        "format": FORMAT,
        "entries": [_as_json(entry) for entry in menu.entries],
        "remarks": list(menu.remarks),
    }


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        "title": entry.title,
        "kernel": str(entry.kernel),
        "initrd": str(entry.initrd) if entry.initrd else None,
        "command_line": entry.command_line,
        "dtb": str(entry.dtb) if entry.dtb else None,
        "source": entry.source,
        "default": entry.default,
        "reason": entry.reason or None,
        "remarks": list(entry.remarks),
    }

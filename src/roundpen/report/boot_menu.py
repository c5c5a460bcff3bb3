# SPDX-License-Identifier: BSD-2-Clause
"""What this system could boot, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.kexec.entry import Menu


def lines(menu: Menu) -> Iterator[str]:
    """The entries in the loader's order; the default has a star."""
    for entry in menu.entries:
        yield f"{'*' if entry.default else ' '} {entry.kernel}  {entry.title}"
        yield f"    from          {entry.source}" + (f" ({entry.reason})" if entry.reason else "")
        if entry.initrd is not None:
            yield f"    initrd        {entry.initrd}"
        if entry.dtb is not None:
            yield f"    device tree   {entry.dtb}"
        if entry.command_line:
            yield f"    command line  {entry.command_line}"
        for remark in entry.remarks:
            yield f"    note          {remark}"
    if not menu.entries:
        yield "no entry: no loader's configuration and no kernel in /boot was found"
    yield from menu.remarks


def as_json(menu: Menu) -> dict[str, object]:
    """The same with a list of objects."""
    return {
        "entries": [
            {
                "title": entry.title,
                "kernel": str(entry.kernel),
                "initrd": None if entry.initrd is None else str(entry.initrd),
                "command_line": entry.command_line,
                "dtb": None if entry.dtb is None else str(entry.dtb),
                "source": entry.source,
                "default": entry.default,
                "reason": entry.reason,
                "remarks": list(entry.remarks),
            }
            for entry in menu.entries
        ],
        "remarks": list(menu.remarks),
    }

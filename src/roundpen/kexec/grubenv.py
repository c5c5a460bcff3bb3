# SPDX-License-Identifier: BSD-2-Clause
"""GRUB's environment block: what grub-reboot, grub-set-default and Fedora leave for GRUB."""

from __future__ import annotations

from roundpen.kexec.places import Root

SIGNATURE = "# GRUB Environment Block\n"


def read(root: Root, place: str) -> dict[str, str] | None:
    """Names and values; None when there is no such block.

    Lines of NAME=VALUE behind the signature, filled up with "#"; a backslash makes the next
    character part of the value (grub-core/lib/envblk.c, GRUB 2.12).
    """
    text = root.text(place)
    if text is None or not text.startswith(SIGNATURE):
        return None
    found = {}
    position = len(SIGNATURE)
    while position < len(text):
        end, line = _line(text, position)
        name, equals, value = line.partition("=")
        if equals and not text.startswith("#", position):
            found[name] = value
        position = end
    return found


def _line(text: str, position: int) -> tuple[int, str]:
    """Where the next line begins, and this one without its backslashes."""
    line = []
    while position < len(text) and text[position] != "\n":
        if text[position] == "\\":
            position += 1
        line.append(text[position : position + 1])
        position += 1
    return position + 1, "".join(line)

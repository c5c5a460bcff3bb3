# SPDX-License-Identifier: BSD-2-Clause
"""Reading the sections of a PE file, which EFI programs and unified kernel images are.

Source: Microsoft's PE format specification: u32 at 0x3c is the offset of "PE\\0\\0"; behind it the
COFF header (machine at +4, sections at +6, size of the optional header at +20 from there), then
the section table, 40 bytes each. Every byte is untrusted.
"""

from __future__ import annotations

from typing import NamedTuple

from roundpen.errors import UserError

ARM64 = 0xAA64
_MACHINES = {ARM64: "arm64", 0x8664: "x86-64", 0x14C: "x86", 0x1C2: "arm", 0x5064: "riscv64"}
_SECTIONS_MAX = 96
"""The specification's own limit for loaders."""
_ENTRY = 40


class Section(NamedTuple):
    """Where the content of a section lies in the file, in bytes. `size` is without padding."""

    name: str
    start: int
    size: int


def _header(data: bytes) -> int | None:
    """The offset of "PE\\0\\0", None when there is none."""
    at = int.from_bytes(data[0x3C:0x40], "little")
    return at if data[at : at + 4] == b"PE\0\0" else None


def machine(data: bytes) -> int | None:
    """The machine that the program is for; None when `data` is no PE file."""
    at = _header(data)
    return None if at is None else int.from_bytes(data[at + 4 : at + 6], "little")


def kind(data: bytes) -> str:
    """What to call the file: an EFI program, and for whom."""
    found = machine(data)
    if found is None:
        return "an EFI program"
    return f"an EFI program for {_MACHINES.get(found, f'machine {found:#x}')}"


def sections(data: bytes) -> dict[str, Section]:
    """The sections by name; of several with one name the first. Empty when `data` is no PE file.

    A table that is cut off ends there: what is missing is not in the result.
    """
    at = _header(data)
    if at is None:
        return {}
    count = int.from_bytes(data[at + 6 : at + 8], "little")
    table = at + 24 + int.from_bytes(data[at + 20 : at + 22], "little")
    found: dict[str, Section] = {}
    for index in range(min(count, _SECTIONS_MAX)):
        entry = data[table + _ENTRY * index : table + _ENTRY * (index + 1)]
        if len(entry) < _ENTRY:
            break
        name = entry[:8].rstrip(b"\0").decode("latin-1")
        memory, raw, start = (int.from_bytes(entry[i : i + 4], "little") for i in (8, 16, 20))
        # The file's part is padded; a section may also be larger in memory than in the file.
        found.setdefault(name, Section(name, start, min(memory, raw) if memory else raw))
    return found


def content(data: bytes, section: Section) -> bytes:
    """The content of one section.

    Raises UserError when it is not all there.
    """
    end = section.start + section.size
    if not 0 < section.start < end <= len(data):
        raise UserError(
            f"its section {section.name} is at {section.start:#x} to {end:#x}, the file ends at "
            f"{len(data):#x}",
            remedy="copy or download the file again",
        )
    return data[section.start : end]

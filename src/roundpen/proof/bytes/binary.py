# SPDX-License-Identifier: BSD-2-Clause
"""The pen's resident binary: taken out of pen.bin, or out of resident.elf with its symbols."""

from __future__ import annotations

import bisect
import io
from dataclasses import dataclass
from pathlib import Path

from roundpen.contract import layout
from roundpen.errors import UserError, reason_of

ARRIVE = 0x7F0
ADOPT = 0x7F4
RETURN = 0x7F8
"""The doors behind the last vector (pen/include/resident.h), offsets in bytes."""

_VECTORS = 16
_VECTOR_SIZE = 0x80
_HVC_VECTOR = 8
_LANDMARK_REACH = 0x7C
"""Without symbols nobody knows where a function ends; arrive is the longest with a name."""
_WFE = 0xD503205F


@dataclass(frozen=True)
class Resident:
    """The resident code. `symbols`: ascending (offset, name), offsets in bytes from its start.

    `reach`: how far behind a symbol its name is still told, bytes.
    """

    code: bytes
    symbols: tuple[tuple[int, str], ...]
    reach: int = layout.RESIDENT_MAX

    def word(self, offset: int) -> int:
        """The instruction at `offset`."""
        return int.from_bytes(self.code[offset : offset + 4], "little")

    def name(self, offset: int) -> str:
        """`offset` as symbol and distance."""
        at = bisect.bisect_right(self.symbols, (offset, "\uffff")) - 1
        start, name = self.symbols[at] if at >= 0 else (offset, "")
        if not name or offset - start > self.reach:
            return f"{offset:#x}"
        return name if start == offset else f"{name}+{offset - start:#x}"


def read(path: Path) -> Resident:
    """The resident binary in `path`: resident.elf, pen.bin or a wrapped Image.

    Raises UserError when it can't be read or has none.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {reason_of(error)}") from error
    return from_elf(data, str(path)) if data[:4] == b"\x7fELF" else from_image(data, str(path))


def from_image(data: bytes, name: str) -> Resident:
    """The one resident blob in `data`: vectors and doors have a shape that nothing else has.

    Its symbols are the landmarks that the shape gives away. Raises UserError when there is
    none, or several.
    """
    # blob.S aligns it to 8 bytes.
    found = [at for at in range(0, len(data) - RETURN - 4, 8) if _is_resident(data, at)]
    if len(found) != 1:
        raise UserError(
            f"{name}: {len(found)} places look like the pen's resident code, expected one",
            remedy="give pen.bin, a wrapped Image or resident.elf",
        )
    # What follows the blob in the file is boot's; nothing in the blob refers to it.
    code = data[found[0] : found[0] + layout.RESIDENT_MAX]
    return Resident(code, _landmarks(code), _LANDMARK_REACH)


def from_elf(data: bytes, name: str) -> Resident:
    """The code and the symbols of resident.elf.

    Raises UserError when it is another ELF, ModuleNotFoundError without pyelftools.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection

    try:
        elf = ELFFile(io.BytesIO(data))
        text, table = elf.get_section_by_name(".text"), elf.get_section_by_name(".symtab")
    except ELFError as error:
        raise UserError(f"{name}: is a damaged ELF file: {error}") from error
    if text is None or not isinstance(table, SymbolTableSection):
        raise UserError(f"{name}: has no .text or no symbols", remedy="give resident.elf")
    code = bytes(text.data())
    if text["sh_addr"] != 0 or not _is_resident(code, 0):
        raise UserError(f"{name}: is not the pen's resident part", remedy="give resident.elf")
    symbols = {
        symbol["st_value"]: symbol.name
        for symbol in table.iter_symbols()
        if symbol.name and not symbol.name.startswith("$") and symbol["st_value"] < len(code)
    }
    return Resident(code, tuple(sorted(symbols.items())))


def _is_resident(data: bytes, at: int) -> bool:
    words = [
        int.from_bytes(data[at + offset : at + offset + 4], "little")
        for offset in (*range(0, _VECTORS * _VECTOR_SIZE, _VECTOR_SIZE), ARRIVE, ADOPT, RETURN)
    ]
    hvc = words.pop(_HVC_VECTOR)
    # str x30, [sp, #-16]!; all else are branches.
    return hvc == 0xF81F0FFE and all(word >> 26 == 0b000101 for word in words)


def _landmarks(code: bytes) -> tuple[tuple[int, str], ...]:
    """Names for what the vectors and doors lead to, so that a stripped pen will do."""
    named = {_HVC_VECTOR * _VECTOR_SIZE: "vector_8"}
    for offset, name in ((0, "died"), (ARRIVE, "arrive"), (ADOPT, "adopt"), (RETURN, "come_home")):
        word = int.from_bytes(code[offset : offset + 4], "little")
        displacement = word & 0x3FFFFFF
        named[offset + 4 * (displacement - (displacement >> 25 << 26))] = name
    for offset in range(0, len(code) - 3, 4):
        if int.from_bytes(code[offset : offset + 4], "little") == _WFE:
            # park_poll: ldr; cmp; b.hi; wfe
            named.setdefault(offset - 12, "park_poll")
    return tuple(sorted(named.items()))

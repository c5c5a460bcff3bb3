# SPDX-License-Identifier: BSD-2-Clause
"""Find the logbook in a memory dump of unknown layout.

A dump may be raw RAM, a core file or a vmcore: the region's place in the file says nothing
about its physical address. What is searched for is the magic number; the rest of the logbook
then has to agree with it.
"""

from __future__ import annotations

import mmap

from roundpen.contract import layout
from roundpen.errors import UserError
from roundpen.logbook.parse import Logbook, parse


def find(dump: bytes | mmap.mmap, name: str) -> Logbook:
    """The one logbook in `dump`; `name` is for messages.

    Copies of the magic number that are no logbook (the pen's own code, a copy of the wrapped
    kernel, a page cut in half) are passed over. Raises UserError when there is no logbook, or
    when there are several that differ.
    """
    rejected: UserError | None = None
    found: dict[int, Logbook] = {}
    position = dump.find(layout.LOGBOOK_MAGIC)
    while position >= 0:
        start = position - layout.LOGBOOK_OFFSET
        if start >= 0:
            try:
                book = parse(bytes(dump[start : start + layout.RESERVED_SIZE]))
                found[book.base] = book
            except UserError as error:
                rejected = error
        position = dump.find(layout.LOGBOOK_MAGIC, position + 1)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        bases = ", ".join(f"{base:#x}" for base in sorted(found))
        raise UserError(
            f"{name}: {len(found)} logbooks, of regions at {bases}",
            remedy="dump only the memory of the region that is in the device tree",
        )
    if rejected is not None:
        raise UserError(f"{name}: no good {rejected.message}", remedy=rejected.remedy)
    raise UserError(
        f"{name}: no logbook in it",
        remedy="dump physical memory, the reserved-memory node roundpen@... included",
    )

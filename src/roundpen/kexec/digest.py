# SPDX-License-Identifier: BSD-2-Clause
"""A device tree's digest that survives kexec: over what whoever loads does not write.

kexec-tools and kexec_file_load write the command line, the initrd's place and seeds into /chosen,
and the initrd into the reservation block; they pack the tree, which moves its blocks. All else
has to arrive as it was. So the digest is over the nodes and properties, in order, without /chosen.

Read without libfdt, because a board's Python may have none: the structure block has four tokens
(Devicetree Specification 0.4, 5.4).
"""

from __future__ import annotations

import hashlib
import struct

_HEADER = struct.Struct(">10I")
_MAGIC = 0xD00DFEED
_CELL = struct.Struct(">I")
_BEGIN, _END, _PROPERTY, _NOTHING, _LAST = 1, 2, 3, 4, 9


def digest(tree: bytes) -> str | None:
    """SHA-256, in hexadecimal, of what has to arrive; None when `tree` is not whole."""
    try:
        return _digest(tree)
    except (struct.error, ValueError, IndexError):
        return None


def _digest(tree: bytes) -> str:
    magic, size, at, at_strings, *_, strings, length = _HEADER.unpack_from(tree)
    if magic != _MAGIC or size > len(tree) or at + length > size or at_strings + strings > size:
        raise ValueError
    seen = hashlib.sha256()
    path: list[bytes] = []
    end = at + length
    while at < end:
        (token,) = _CELL.unpack_from(tree, at)
        at += 4
        if token == _BEGIN:
            stop = tree.index(b"\0", at, end)
            path.append(tree[at:stop])
            at = _aligned(stop + 1)
            _add(seen, path, b"{", b"/".join(path))
        elif token == _PROPERTY:
            value_size, name_at = struct.unpack_from(">2I", tree, at)
            start = at_strings + name_at
            name = tree[start : tree.index(b"\0", start, at_strings + strings)]
            _add(seen, path, name, tree[at + 8 : at + 8 + value_size])
            at = _aligned(at + 8 + value_size)
        elif token == _END:
            path.pop()
        elif token == _LAST:
            return seen.hexdigest()
        elif token != _NOTHING:
            raise ValueError
    raise ValueError


def _aligned(offset: int) -> int:
    """Tokens are cells; the block itself is aligned to them."""
    return offset + 3 & ~3


def _add(seen: hashlib._Hash, path: list[bytes], name: bytes, value: bytes) -> None:
    """With its length in front, so that no two trees give the same bytes."""
    if path[1:2] != [b"chosen"]:
        seen.update(b"%d %d " % (len(name), len(value)) + name + value)

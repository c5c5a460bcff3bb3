# SPDX-License-Identifier: BSD-2-Clause
"""A device tree (DTB) from anybody, read once and fast: its nodes, and properties on demand.

`Tree` reads every property of every node in Python, which costs tens of milliseconds. A check
looks at a few dozen nodes out of hundreds, so this reader walks the nodes and asks libfdt for
the properties that somebody wants: about a millisecond, half of it libfdt's. It calls the
functions that pylibfdt's class wraps, because the wrappers cost more than what they wrap.
Every byte is untrusted.

Names and formats: the Devicetree Specification 0.4, chapters 2.3 and 5. Nothing recurses, so
no depth of nesting matters.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import NoReturn

from roundpen.devicetree.library import libfdt
from roundpen.devicetree.tree import Reservation
from roundpen.errors import RefusedError, UserError

SIZE_MAX = 16 << 20
"""Bytes. arm64 boots no tree above 2 MiB; the rest is room to say so of a real one."""
NAME_MAX = 1024
"""Bytes of the longest name of a property, or of a node.

The Specification allows 31. The bound is here because libfdt measures a name anew for each
property that has it: one name of megabytes, used often, would take minutes.
"""
_HEADER = struct.Struct(">10I")
_MAGIC = 0xD00DFEED
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Node:
    """One node of an Outline; valid as long as it is."""

    __slots__ = ("_outline", "index")

    def __init__(self, outline: Outline, index: int) -> None:
        """Made by Outline only."""
        self._outline = outline
        self.index = index

    @property
    def name(self) -> str:
        """The node's name with its unit address; empty for the root."""
        return self._outline.name_of(self.index)

    @property
    def path(self) -> str:
        """The node's full path; "/" is the root."""
        return self._outline.path(self.index)

    @property
    def parent(self) -> Node | None:
        """The node above; None above the root."""
        above = self._outline.parents[self.index]
        return None if above < 0 else Node(self._outline, above)

    @property
    def children(self) -> list[Node]:
        """The nodes directly below, in the tree's order."""
        return [Node(self._outline, index) for index in self._outline.below(self.index)]

    def child(self, name: str) -> Node | None:
        """The first child called `name`, which includes its unit address if it has one."""
        return next((node for node in self.children if node.name == name), None)

    def get(self, name: str) -> bytes | None:
        """A property's value; None when the node has no such property."""
        return self._outline.value(self.index, name)

    def strings(self, name: str) -> tuple[str, ...]:
        """A property as a list of strings; empty when it is missing.

        What is not printable ASCII is replaced: no standard value has any, and nobody's
        terminal is to be at the mercy of a tree.
        """
        value = self.get(name)
        if not value:
            return ()
        text = value.rstrip(b"\0").decode("ascii", "replace")
        return tuple(_CONTROL.sub("\ufffd", part) for part in text.split("\0"))

    def text(self, name: str) -> str | None:
        """The first string of a property; None when it is missing or empty."""
        found = self.strings(name)
        return found[0] if found else None

    def number(self, name: str) -> int | None:
        """A property of one cell or two as a number; None when it is missing or no number."""
        value = self.get(name)
        if value is None or len(value) not in (4, 8):
            return None
        return int.from_bytes(value, "big")


class Outline:
    """The nodes of a DTB in the tree's order; the root is first."""

    def __init__(self, data: bytes, name: str = "device tree") -> None:
        """Read `data`; `name` is what messages call it.

        Raises UserError when `data` is not a whole, well-formed DTB. Reading properties raises
        MachineError when the libfdt module is too old.
        """
        self.name = name
        self.size, self.boot_cpu = self._check_header(data)
        self.parents: list[int] = []
        """Of each node in the tree's order the index of the node above; -1 for the root."""
        self._offsets: list[int] = []
        self._below: dict[int, list[int]] = defaultdict(list)
        self._names: dict[int, str] = {}
        self._fdt = bytearray(data[: self.size])
        # The rest of libfdt believes the header, and reads outside the buffer.
        code = libfdt.fdt_check_full(self._fdt, self.size)
        if code < 0:
            self._damaged(f"libfdt: {libfdt.strerror(code)}")
        self._walk()

    def _check_header(self, data: bytes) -> tuple[int, int]:
        """The tree's size and the id of its boot CPU (boot_cpuid_phys)."""
        if len(data) < _HEADER.size:
            raise UserError(f"{self.name}: {len(data)} bytes; a DTB header alone has 40")
        (magic, size, _, at_strings, _, _, _, boot_cpu, strings_size, _) = _HEADER.unpack_from(data)
        if magic != _MAGIC:
            raise UserError(f"{self.name}: starts with {magic:#010x}; a DTB with {_MAGIC:#010x}")
        if size > len(data):
            raise UserError(
                f"{self.name}: truncated: {len(data)} bytes, its header promises {size}"
            )
        if size > SIZE_MAX:
            raise UserError(f"{self.name}: {size} bytes; at most {SIZE_MAX} are read")
        names = data[at_strings : at_strings + strings_size].split(b"\0")
        longest = max(map(len, names))
        if longest > NAME_MAX:
            self._damaged(f"a property's name has {longest} bytes, at most {NAME_MAX} are read")
        return int(size), int(boot_cpu)

    def _damaged(self, why: str, cause: Exception | None = None) -> NoReturn:
        raise UserError(f"{self.name}: is damaged ({why})") from cause

    def _walk(self) -> None:
        fdt, next_node = self._fdt, libfdt.fdt_next_node
        offset, depth = 0, 0
        ancestors: list[int] = []
        while offset >= 0 and depth >= 0:
            del ancestors[depth:]
            parent = ancestors[-1] if ancestors else -1
            index = len(self._offsets)
            self._offsets.append(offset)
            self.parents.append(parent)
            self._below[parent].append(index)
            ancestors.append(index)
            offset, depth = next_node(fdt, offset, depth)

    @property
    def root(self) -> Node:
        """The node that all others are below."""
        return Node(self, 0)

    def below(self, index: int) -> list[int]:
        """Indices of the children of the node at `index`."""
        return self._below.get(index, [])

    def name_of(self, index: int) -> str:
        """The name of the node at `index`.

        Raises UserError when it is not printable ASCII, or far too long.
        """
        known = self._names.get(index)
        if known is not None:
            return known
        try:
            name, length = libfdt.fdt_get_name(self._fdt, self._offsets[index])
        except (SystemError, UnicodeError) as error:
            # SystemError is how pylibfdt reports what is not UTF-8.
            self._damaged("a node's name is not text", error)
        if length > NAME_MAX or not (name.isascii() and name.isprintable()):
            self._damaged(f"a node is called {name[:80]!r}")
        self._names[index] = str(name)
        return self._names[index]

    def path(self, index: int) -> str:
        """The full path of the node at `index`."""
        names = []
        while index > 0:
            names.append(self.name_of(index))
            index = self.parents[index]
        return "/" + "/".join(reversed(names))

    def value(self, index: int, name: str) -> bytes | None:
        """A property of the node at `index`; None when there is none of that name.

        Raises UserError when the tree is damaged there.
        """
        found = libfdt.fdt_getprop(self._fdt, self._offsets[index], name)
        if isinstance(found, int):
            _too_old()
        value, code = found
        if value is None:
            if code != -libfdt.NOTFOUND:
                self._damaged(f"libfdt: {libfdt.strerror(code)}")
            return None
        return bytes(value)

    def having(self, name: str, pattern: re.Pattern[bytes]) -> Iterator[Node]:
        """The nodes, in the tree's order, in whose property `name` the pattern is found."""
        fdt, search, getprop = self._fdt, pattern.search, libfdt.fdt_getprop
        for index, offset in enumerate(self._offsets):
            found = getprop(fdt, offset, name)
            if isinstance(found, int):
                _too_old()
            if found[0] is not None and search(found[0]):
                yield Node(self, index)

    def named(self, name: str) -> Iterator[Node]:
        """The nodes, in the tree's order, that are called `name`, whatever their unit address."""
        begin = struct.pack(">I", 1) + name.encode()  # FDT_BEGIN_NODE
        start = int(libfdt.fdt_off_dt_struct(self._fdt))
        at = self._fdt.find(begin, start)
        while at >= 0:
            index = bisect_left(self._offsets, at - start)
            found = self._offsets[index : index + 1] == [at - start]
            if found and self.name_of(index).partition("@")[0] == name:
                yield Node(self, index)
            at = self._fdt.find(begin, at + 1)

    def node(self, path: str) -> Node | None:
        """The node at `path`, names written out in full; None when there is none."""
        found: Node | None = self.root
        for name in path.split("/"):
            if name and found is not None:
                found = found.child(name)
        return found

    def reservations(self) -> list[Reservation]:
        """The memory reservation block up to its first empty entry, where Linux stops."""
        found = []
        for index in range(libfdt.fdt_num_mem_rsv(self._fdt)):
            code, address, size = libfdt.fdt_get_mem_rsv(self._fdt, index)
            if code < 0:
                self._damaged(f"libfdt: {libfdt.strerror(code)}")
            found.append(Reservation(int(address), int(size)))
        return found


def _too_old() -> NoReturn:
    """pylibfdt 1.6 gives a bare number for a property that is not there.

    It also drops a reference to None each time, until Python itself dies ("deallocating None"):
    observed with Debian 12's python3-libfdt 1.6.1.
    """
    raise RefusedError(
        "the Python module libfdt is older than 1.7, whose fdt_getprop() crashes Python",
        remedy="pip install 'roundpen[check]'",
    )

# SPDX-License-Identifier: BSD-2-Clause
"""A flattened device tree (DTB) that can be read and edited by path.

Names and formats: the Devicetree Specification 0.4, chapter 5. Addresses and sizes are bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from roundpen.devicetree.library import libfdt
from roundpen.errors import UserError

_HEADER = struct.Struct(">10I")
_MAGIC = 0xD00DFEED
_SLACK = 0x4000


class Reservation(NamedTuple):
    """One entry of the memory reservation block: memory the OS must keep away from."""

    address: int
    size: int


class Tree:
    """An editable copy of a DTB."""

    def __init__(self, data: bytes, name: str = "device tree") -> None:
        """Take a copy of `data`; `name` is what messages call it.

        Raises UserError when `data` is not a whole, well-formed DTB.
        """
        self.name = name
        size = self._check_header(data)
        try:
            # What pylibfdt binds otherwise believes the header, and reads outside the buffer.
            libfdt.check_err(libfdt.fdt_check_full(bytearray(data[:size]), size))
            self._fdt = libfdt.Fdt(data[:size])
            self._fdt.resize(size + _SLACK)
            for path in self.walk():
                if not path.isascii():
                    raise UserError(f"{name}: is damaged: a node is called {path!r}")
                self.properties(path)
        except (libfdt.FdtException, SystemError, UnicodeError) as error:
            # SystemError is how pylibfdt reports a name that is not UTF-8.
            self._fail("is damaged", error)

    def _check_header(self, data: bytes) -> int:
        if len(data) < _HEADER.size:
            raise UserError(f"{self.name}: {len(data)} bytes; a DTB header alone has 40")
        magic, size = struct.unpack_from(">II", data)
        if magic != _MAGIC:
            raise UserError(f"{self.name}: starts with {magic:#010x}; a DTB with {_MAGIC:#010x}")
        if size > len(data):
            raise UserError(
                f"{self.name}: truncated: {len(data)} bytes, its header promises {size}"
            )
        return int(size)

    def _fail(self, what: str, error: Exception) -> NoReturn:
        raise UserError(f"{self.name}: {what} (libfdt: {error})") from error

    # --- reading ---------------------------------------------------------------------

    def walk(self) -> Iterator[str]:
        """The path of every node, in the tree's order."""
        offset, depth = 0, 0
        names: list[str] = []
        while offset >= 0 and depth >= 0:
            del names[depth:]
            names.append(self._fdt.get_name(offset))
            yield "/" + "/".join(names[1:])
            offset, depth = self._next(offset, depth)

    def _next(self, offset: int, depth: int) -> tuple[int, int]:
        following = self._fdt.next_node(offset, depth, (libfdt.NOTFOUND,))
        if isinstance(following, int):  # the code of the end of the tree, not a pair
            return -1, -1
        return int(following[0]), int(following[1])

    def children(self, path: str) -> list[str]:
        """Paths of the direct children of `path`.

        Raises UserError when `path` is not there.
        """
        offset = self._fdt.first_subnode(self._offset(path), (libfdt.NOTFOUND,))
        found = []
        while offset >= 0:
            found.append(f"{path.rstrip('/')}/{self._fdt.get_name(offset)}")
            offset = self._fdt.next_subnode(offset, (libfdt.NOTFOUND,))
        return found

    def has(self, path: str) -> bool:
        """Is there a node at `path`?"""
        return bool(self._fdt.path_offset(path, (libfdt.NOTFOUND, libfdt.BADPATH)) >= 0)

    def get(self, path: str, name: str) -> bytes | None:
        """A property's value; None when the node has no such property.

        Raises UserError when the node is not there.
        """
        value = self._fdt.getprop(self._offset(path), name, (libfdt.NOTFOUND,))
        return None if isinstance(value, int) else bytes(value)

    def properties(self, path: str) -> dict[str, bytes]:
        """All properties of a node, in the tree's order.

        Raises UserError when the node is not there.
        """
        found = {}
        offset = self._fdt.first_property_offset(self._offset(path), (libfdt.NOTFOUND,))
        while offset >= 0:
            one = self._fdt.get_property_by_offset(offset)
            found[str(one.name)] = bytes(one)
            offset = self._fdt.next_property_offset(offset, (libfdt.NOTFOUND,))
        return found

    def text(self, path: str, name: str) -> str | None:
        """A string property without its NUL; None when it is missing."""
        value = self.get(path, name)
        return None if value is None else value.rstrip(b"\0").decode(errors="replace")

    def cells(self, path: str, name: str) -> list[int]:
        """A property as big-endian 32-bit cells; empty when it is missing.

        Raises UserError when its length is not a multiple of 4.
        """
        value = self.get(path, name) or b""
        if len(value) % 4:
            raise UserError(f"{self.name}: {path}: {name} has {len(value)} bytes, not whole cells")
        return list(struct.unpack(f">{len(value) // 4}I", value))

    def reservations(self) -> list[Reservation]:
        """The memory reservation block."""
        found = []
        for index in range(self._fdt.num_mem_rsv()):
            entry = self._fdt.get_mem_rsv(index)
            found.append(Reservation(int(entry[0]), int(entry[1])))
        return found

    def _offset(self, path: str) -> int:
        offset = self._fdt.path_offset(path, (libfdt.NOTFOUND, libfdt.BADPATH))
        if offset < 0:
            raise UserError(f"{self.name}: {path}: there is no such node")
        return int(offset)

    # --- editing ---------------------------------------------------------------------

    def set(self, path: str, name: str, value: bytes) -> None:
        """Create or replace a property; the tree grows as needed.

        Raises UserError when the node is not there.
        """
        self._room(len(name) + len(value) + 64)
        self._fdt.setprop(self._offset(path), name, value)

    def set_text(self, path: str, name: str, value: str) -> None:
        """Create or replace a string property."""
        self.set(path, name, value.encode() + b"\0")

    def set_u64(self, path: str, name: str, value: int) -> None:
        """Create or replace a property of two cells."""
        self.set(path, name, value.to_bytes(8, "big"))

    def remove_property(self, path: str, name: str) -> None:
        """Remove a property, if it is there."""
        offset = self._offset(path)
        if self.get(path, name) is not None:
            self._fdt.delprop(offset, name)

    def add_node(self, path: str) -> None:
        """Create the node at `path`; its parent has to be there.

        Raises UserError when the parent is missing or the node exists.
        """
        parent, _, name = path.rpartition("/")
        self._room(len(name) + 64)
        try:
            self._fdt.add_subnode(self._offset(parent or "/"), name)
        except libfdt.FdtException as error:
            self._fail(f"{path} cannot be added", error)

    def remove_node(self, path: str) -> None:
        """Remove a node and all below it, if it is there."""
        if self.has(path):
            self._fdt.del_node(self._offset(path))

    def reserve(self, address: int, size: int) -> None:
        """Add an entry to the memory reservation block.

        pylibfdt cannot do this on a finished tree, so the block is put together anew here.
        """
        self._fdt.pack()
        data = bytes(self._fdt.as_bytearray())
        (magic, _, at_struct, at_strings, _, version, compatible, cpu, strings_size,
         struct_size) = _HEADER.unpack_from(data)  # fmt: skip
        entries = [*self.reservations(), Reservation(address, size), Reservation(0, 0)]
        block = b"".join(struct.pack(">QQ", *entry) for entry in entries)
        new_struct = _HEADER.size + len(block)
        new_strings = new_struct + struct_size
        total = new_strings + strings_size
        head = _HEADER.pack(magic, total, new_struct, new_strings, _HEADER.size, version,
                            compatible, cpu, strings_size, struct_size)  # fmt: skip
        body = data[at_struct : at_struct + struct_size]
        strings = data[at_strings : at_strings + strings_size]
        self._fdt = libfdt.Fdt(head + block + body + strings)
        self._fdt.resize(total + _SLACK)

    def _room(self, needed: int) -> None:
        """Keep `needed` bytes and the usual slack free behind the structure block."""
        fdt = self._fdt
        used = fdt.off_dt_strings() + fdt.size_dt_strings()
        if fdt.totalsize() - used < needed:
            fdt.resize(fdt.totalsize() + needed + _SLACK)

    def to_bytes(self) -> bytes:
        """The packed DTB."""
        packed = libfdt.Fdt(bytes(self._fdt.as_bytearray()))
        packed.pack()
        return bytes(packed.as_bytearray())

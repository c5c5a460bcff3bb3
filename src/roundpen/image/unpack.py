# SPDX-License-Identifier: BSD-2-Clause
"""Decompression with a bound on what comes out.

Each function gets the whole compressed data and a limit in bytes; it raises UserError when
the data is truncated or damaged, when more than the limit would come out, or when something
follows that isn't padding.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Protocol

import lz4.block
import lz4.frame
import zstandard

from roundpen.errors import UserError

LZ4_LEGACY_MAGIC = b"\x02\x21\x4c\x18"
_LZ4_LEGACY_BLOCK = 8 << 20
_LZ4_LEGACY_WORST = _LZ4_LEGACY_BLOCK + _LZ4_LEGACY_BLOCK // 255 + 16
_ZSTD_WINDOW = 1 << 27
_ZSTD_STEP = 1024
_LZMA_MEMORY = 256 << 20
TREE_MAGIC = b"\xd0\x0d\xfe\xed"


class _Stream(Protocol):
    """What the decompressors of the standard library and of lz4 have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def gzip(data: bytes, limit: int) -> bytes:
    """Unpack gzip, several members too."""
    return _members("gzip", data, limit, lambda: zlib.decompressobj(31), zlib.error, b"\x1f\x8b")


def xz(data: bytes, limit: int) -> bytes:
    """Unpack xz."""
    return _members(
        "xz",
        data,
        limit,
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY),
        lzma.LZMAError,
        b"\xfd7zXZ\0",
    )


def bzip2(data: bytes, limit: int) -> bytes:
    """Unpack bzip2, several streams too."""
    return _members("bzip2", data, limit, bz2.BZ2Decompressor, OSError, b"BZh")


def lzma_alone(data: bytes, limit: int) -> bytes:
    """Unpack the format that came before xz and has no magic number."""
    return _members(
        "lzma",
        data,
        limit,
        lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_LZMA_MEMORY),
        lzma.LZMAError,
        None,
    )


def lz4_frame(data: bytes, limit: int) -> bytes:
    """Unpack lz4's frame format."""
    return _members(
        "lz4", data, limit, lz4.frame.LZ4FrameDecompressor, RuntimeError, b"\x04\x22\x4d\x18"
    )


def lz4_legacy(data: bytes, limit: int) -> bytes:
    """Unpack lz4's legacy format, which is the one that Linux's build makes (`lz4 -l`)."""
    out: list[bytes] = []
    total = 0
    position = len(LZ4_LEGACY_MAGIC)
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "little")
        last = size == 0 or len(data) - position == 4
        if total and last and _is_end(data[position:], total):
            break
        if total and data.startswith(TREE_MAGIC, position):
            check_tail("lz4", data, position, total)
        block = data[position + 4 : position + 4 + size]
        if size == 0 or size > _LZ4_LEGACY_WORST or len(block) < size:
            raise _bad("lz4", f"truncated or damaged in the block at {position:#x}")
        try:
            piece = lz4.block.decompress(block, uncompressed_size=_LZ4_LEGACY_BLOCK)
        except lz4.block.LZ4BlockError as error:
            raise _bad("lz4", f"damaged block at {position:#x}") from error
        total += len(piece)
        if total > limit:
            raise _too_much("lz4", limit)
        out.append(piece)
        position += 4 + size
    if not total:
        raise _bad("lz4", "truncated: nothing behind the magic number")
    return b"".join(out)


def zstd(data: bytes, limit: int) -> bytes:
    """Unpack zstd, several frames too."""
    out: list[bytes] = []
    total = 0
    rest: bytes = data
    while True:
        # This decompressor has no bound of its own: 4 bytes of input can make 128 KiB. Small
        # steps bound what one call can make.
        stream = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        position = 0
        try:
            while not stream.eof and position < len(rest):
                piece = stream.decompress(rest[position : position + _ZSTD_STEP])
                position += _ZSTD_STEP
                total += len(piece)
                out.append(piece)
                if total > limit:
                    raise _too_much("zstd", limit)
        except zstandard.ZstdError as error:
            raise _bad("zstd", f"damaged ({error})") from error
        if not stream.eof:
            raise _bad("zstd", f"truncated: it ends after {total} unpacked bytes")
        rest = stream.unused_data + rest[position:]
        if not rest.startswith(b"\x28\xb5\x2f\xfd"):
            check_tail("zstd", data, len(data) - len(rest), total)
            return b"".join(out)


def _members(
    name: str,
    data: bytes,
    limit: int,
    make: Callable[[], _Stream],
    failure: type[Exception],
    magic: bytes | None,
) -> bytes:
    """Unpack one stream after the other while `magic` says that another one follows."""
    out = bytearray()
    rest = data
    while True:
        stream = make()
        try:
            out += stream.decompress(rest, limit + 1 - len(out))
        except (failure, EOFError) as error:
            raise _bad(name, f"damaged ({error})") from error
        if len(out) > limit:
            raise _too_much(name, limit)
        if not stream.eof:
            raise _bad(name, f"truncated: it ends after {len(out)} unpacked bytes")
        rest = stream.unused_data or b""
        if magic is None or not rest.startswith(magic):
            check_tail(name, data, len(data) - len(rest), len(out))
            return bytes(out)


def check_tail(name: str, data: bytes, start: int, total: int = 0) -> None:
    """Refuse what follows at `start` unless it is padding, or `total` as Linux's build appends it.

    A device tree glued to the kernel would be lost silently: the pen's board would not boot.
    """
    if _is_end(data[start:], total):
        return
    what = "a device tree" if data.startswith(TREE_MAGIC, start) else "something else"
    raise follows(name, what, len(data) - start, start)


def follows(name: str, what: str, size: int, start: int) -> UserError:
    """The one answer to whatever is glued to a kernel, packed or not."""
    return UserError(
        f"{name}: {size} bytes of {what} follow the kernel, at {start:#x}; they would be lost",
        remedy=f"give the kernel alone: head -c {start} FILE >KERNEL",
    )


def _is_end(tail: bytes, total: int) -> bool:
    """Whether `tail` is only padding, or the unpacked size that Linux's build appends."""
    return not any(tail) or (len(tail) == 4 and int.from_bytes(tail, "little") == total)


def _bad(name: str, what: str) -> UserError:
    return UserError(f"{name}: {what}", remedy="copy or download the file again")


def _too_much(name: str, limit: int) -> UserError:
    return UserError(f"{name}: unpacks to more than {limit >> 20} MiB, which no kernel does")

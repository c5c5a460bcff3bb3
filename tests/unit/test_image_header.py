# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen.contract import layout
from roundpen.image.header import HEADER_SIZE, Descriptor, ImageHeader
from tests.unit import samples

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)


@given(st.builds(ImageHeader, U32, U32, U64, U64, U64, U64, U64, U64, U32))
def test_a_header_survives_packing(header: ImageHeader) -> None:
    packed = header.pack()
    assert len(packed) == HEADER_SIZE
    assert ImageHeader.parse(packed + b"more") == header


@given(st.builds(Descriptor, U32, U32, U64, U64, U64, U64, U64, U64))
def test_a_descriptor_survives_packing(descriptor: Descriptor) -> None:
    packed = descriptor.pack()
    assert len(packed) == layout.DESCRIPTOR_SIZE
    assert Descriptor.parse(bytes(layout.DESCRIPTOR_OFFSET) + packed) == descriptor


@given(st.binary(max_size=256))
def test_any_bytes_have_a_header_or_not(data: bytes) -> None:
    header = ImageHeader.parse(data)
    assert header is None or header.pack() == data[:HEADER_SIZE]
    Descriptor.parse(data)


@pytest.mark.parametrize(
    ("flags", "page_size", "big_endian", "anywhere"),
    [
        (0b0000, None, False, False),
        (0b1010, 4096, False, True),
        (0b0100, 16384, False, False),
        (0b1111, 65536, True, True),
    ],
)
def test_flags(flags: int, page_size: int | None, big_endian: bool, anywhere: bool) -> None:
    header = ImageHeader(0, 0, 0, 0, flags)
    assert (header.page_size, header.big_endian, header.anywhere) == (
        page_size,
        big_endian,
        anywhere,
    )


@pytest.mark.skipif(shutil.which("file") is None, reason="file(1) is not installed")
@pytest.mark.parametrize(
    ("flags", "words"), [(0b1010, "little-endian, 4K pages"), (0b0101, "big-endian, 16K pages")]
)
def test_file_reads_the_header_as_we_do(tmp_path: Path, flags: int, words: str) -> None:
    path = tmp_path / "Image"
    path.write_bytes(samples.kernel(flags=flags))
    told = subprocess.run(["file", "-b", path], check=True, capture_output=True, text=True).stdout
    assert told.startswith("Linux kernel ARM64 boot executable Image")
    assert words in told

# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from roundpen.errors import UserError
from roundpen.image import containers, payload, unpack
from tests.unit import samples

KERNEL = samples.kernel()

TOOLS = {
    "gzip": ["gzip", "-c", "-1"],
    "xz": ["xz", "-c", "-1", "--check=crc32"],
    # As Linux's build makes Image.bz2 and Image.lzma.
    "bzip2": ["bzip2", "-9"],
    "lzma": ["xz", "--format=lzma", "-9"],
    "zstd": ["zstd", "-q", "-c", "-3"],
    "lz4": ["lz4", "-q", "-c"],
    "lz4-legacy": ["lz4", "-q", "-l", "-c"],
}


def packed_by(tool: str, data: bytes) -> bytes:
    argv = TOOLS[tool]
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    return subprocess.run(argv, input=data, check=True, capture_output=True).stdout


def refusal(data: bytes) -> str:
    with pytest.raises(UserError) as caught:
        payload.parse(data, "the-file")
    text = str(caught.value)
    assert text.startswith("the-file: ")
    assert "\n" not in text
    return text


def test_a_raw_image_is_itself() -> None:
    found = payload.parse(KERNEL, "x")
    assert found.image == KERNEL
    assert found.packing == ()
    assert found.banner == "6.1.0-test (me@here) #1 SMP"


@pytest.mark.parametrize("tool", TOOLS)
def test_what_the_real_tools_pack_is_unpacked(tool: str) -> None:
    found = payload.parse(packed_by(tool, KERNEL), "x")
    assert found.image == KERNEL
    assert found.packing == (tool.removesuffix("-legacy"),)


@pytest.mark.parametrize("tool", TOOLS)
def test_padding_and_the_size_that_linux_appends_are_no_damage(tool: str) -> None:
    body = packed_by(tool, KERNEL)
    assert payload.parse(body + bytes(512), "x").image == KERNEL
    assert payload.parse(body + struct.pack("<I", len(KERNEL)), "x").image == KERNEL


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("keep", [6, 40, 0.5, 0.99])
def test_truncated_refused(tool: str, keep: float) -> None:
    body = packed_by(tool, KERNEL)
    cut = body[: int(keep if keep > 1 else keep * len(body))]
    text = refusal(cut)
    assert "truncated" in text or "damaged" in text


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tree_behind_the_kernel_is_refused(tool: str) -> None:
    body = packed_by(tool, KERNEL)
    text = refusal(body + b"\xd0\x0d\xfe\xed" + bytes(60))
    assert f"64 bytes of a device tree follow the kernel, at {len(body):#x}; they would be" in text
    assert text.endswith(f"give the kernel alone: head -c {len(body)} FILE >KERNEL")


@pytest.mark.parametrize("tool", TOOLS)
def test_a_bomb_is_stopped(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "SIZE_MAX", 1 << 20)
    assert "unpacks to more than 1 MiB" in refusal(packed_by(tool, bytes(40 << 20)))


def test_several_members_are_one_kernel() -> None:
    half = len(KERNEL) // 2
    for pack in (
        gzip.compress, lzma.compress, bz2.compress, lz4.frame.compress, zstandard.compress
    ):  # fmt: skip
        both = pack(KERNEL[:half]) + pack(KERNEL[half:])
        assert payload.parse(both, "x").image == KERNEL


@pytest.mark.parametrize("tool", TOOLS)
def test_zboot(tool: str) -> None:
    body = packed_by(tool, KERNEL)
    label = tool.removesuffix("-legacy")
    found = payload.parse(samples.zboot(body, label.encode()), "x")
    assert found.image == KERNEL
    assert found.packing == ("EFI zboot", label)
    assert found.efi


def test_zboot_with_lzma() -> None:
    body = lzma.compress(KERNEL, lzma.FORMAT_ALONE)
    assert payload.parse(samples.zboot(body, b"lzma"), "x").packing == ("EFI zboot", "lzma")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (samples.zboot(b"\x00" * 64, b"lzo"), "compressed with `lzo`"),
        (samples.zboot(b"\x00" * 64, b"gzip", size=1 << 30), "outside the file"),
        (samples.zboot(gzip.compress(KERNEL, mtime=0), b"gzip")[:0x300], "outside the file"),
        (samples.zboot(b"", b"gzip")[:30], "truncated header"),
    ],
)
def test_bad_zboot(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_what_is_no_format_at_all() -> None:
    for data, words in (
        (b"", "empty; give an arm64 Image, or one compressed with gzip"),
        (b"abc", "only 3 bytes long"),
        (b"\x11\x22".ljust(0x1000, b"\x55"), "no arm64 Image: `ARM\\x64` is missing"),
        (gzip.compress(b"\x7fELF".ljust(99), mtime=0), "an ELF file (inside gzip); give the"),
    ):
        assert words in refusal(data)


def test_layers_have_an_end() -> None:
    data = KERNEL
    for _ in range(3):
        data = gzip.compress(data, mtime=0)
    assert payload.parse(data, "x").packing == ("gzip",) * 3
    for _ in range(3):
        data = gzip.compress(data, mtime=0)
    assert "packed more than 3 times over (inside gzip, gzip, gzip, gzip)" in refusal(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (samples.kernel(image_size=0), "no image_size"),
        (samples.kernel(image_size=0x4FFF), "claims an image_size of 0x4fff"),
        (samples.kernel(image_size=1 << 62), "can be true"),
        (samples.kernel(text_offset=0x200000), "text_offset of 0x200000"),
        (samples.kernel(text_offset=0x80001), "text_offset of 0x80001"),
        (samples.kernel()[:64], "only the header"),
        (samples.kernel(efi=True)[:0x4000], "its sections reach to 0x5000"),
        (samples.kernel(efi=True)[:100], "truncated"),
    ],
)
def test_a_header_that_lies_is_refused(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", tmp_path / "a" / "b"):
        with pytest.raises(UserError, match="cannot be read"):
            payload.load(path)


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "SIZE_MAX", 1 << 20)
    with pytest.raises(UserError, match="larger than 1 MiB"):
        payload.load(Path("/dev/zero"))


MAGICS = [bytes(one.offset) + one.magic for one in containers.CONTAINERS]
MAGICS += [b"MZ\0\0zimg", KERNEL[:64]]


@given(st.sampled_from([b"", *MAGICS]), st.binary(max_size=300))
@example(unpack.LZ4_LEGACY_MAGIC, bytes(4))
def test_any_bytes_are_a_kernel_or_one_line(magic: bytes, rest: bytes) -> None:
    try:
        payload.parse(magic + rest, "x")
    except UserError as error:
        assert str(error).startswith("x: ")
        assert len(str(error).splitlines()) == 1


@given(st.sampled_from(sorted(TOOLS)), st.integers(0), st.integers(0, 255))
def test_a_changed_byte_never_gives_a_traceback(tool: str, where: int, value: int) -> None:
    body = bytearray(packed_by_cached(tool))
    body[where % len(body)] = value
    try:
        payload.parse(bytes(body), "x")
    except UserError as error:
        assert str(error).startswith("x: ")


_CACHE: dict[str, bytes] = {}


def packed_by_cached(tool: str) -> bytes:
    if tool not in _CACHE:
        _CACHE[tool] = packed_by(tool, KERNEL)
    return _CACHE[tool]


@pytest.mark.parametrize("tool", ["gzip", "zstd", "xz", "bzip2"])
def test_memory_stays_bounded_by_the_limit(tool: str, tmp_path: Path) -> None:
    """A bomb of 400 MiB, unpacked in a process that may not have that much."""
    bomb = tmp_path / "bomb"
    bomb.write_bytes(packed_by(tool, bytes(400 << 20)))
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from roundpen.image import payload; from roundpen.errors import UserError\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "payload.SIZE_MAX = 32 << 20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20),) * 2)\n"
        "try: payload.load(Path(sys.argv[1]))\n"
        "except UserError as error: print(error)"
    )
    argv = [sys.executable, "-c", code, str(bomb)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert "unpacks to more than 32 MiB" in done.stdout

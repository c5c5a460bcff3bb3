# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen.contract import layout
from roundpen.contract.layout import Offer
from roundpen.errors import MachineError, UserError
from roundpen.image.header import Descriptor, ImageHeader
from roundpen.image.inspect import inspect
from roundpen.image.payload import parse
from roundpen.image.wrap import plan, wrap_file
from tests.unit import samples

MIB = 1 << 20


@given(
    st.integers(0x1000, 0x8000),
    st.integers(0, 40 * MIB),
    st.sampled_from([0, 0x1000, 0x80000, 0x1FF000]),
    st.integers(0, 15),
)
def test_nothing_overlaps(size: int, bss: int, text_offset: int, flags: int) -> None:
    raw = samples.kernel(size, image_size=size + bss, text_offset=text_offset, flags=flags)
    pen = samples.pen()
    decided = plan(parse(raw, "k"), pen=pen, name="k")
    out = decided.render()
    header, descriptor = ImageHeader.parse(out), Descriptor.parse(out)
    assert header is not None
    assert descriptor is not None
    assert len(out) == decided.file_size
    assert out[descriptor.payload_offset :] == raw
    assert descriptor.payload_offset == 2 * MIB - 0x80000 + text_offset
    assert descriptor.pen_footprint <= descriptor.payload_offset
    assert header.image_size == descriptor.payload_offset + descriptor.payload_image_size
    assert (header.text_offset, header.flags, header.pe_offset) == (0x80000, flags, 0)
    end = layout.DESCRIPTOR_OFFSET + layout.DESCRIPTOR_SIZE
    assert out[end : len(pen)] == pen[end:]
    assert not any(out[len(pen) : descriptor.payload_offset])


def test_inspect_finds_in_it_what_wrap_put_there(tmp_path: Path) -> None:
    kernel, out = tmp_path / "vmlinuz", tmp_path / "out"
    kernel.write_bytes(samples.kernel(efi=True))
    decided = wrap_file(kernel, out, pen=samples.pen())
    assert decided.losses == ("EFI firmware can't start it any more",)
    facts = inspect(out.read_bytes(), "out")
    assert facts.pen is not None
    assert facts.kernel is not None
    assert facts.pen.offer == "psci"
    assert facts.kernel.file_size == kernel.stat().st_size
    assert facts.kernel.banner == "6.1.0-test (me@here) #1 SMP"
    assert not facts.kernel.efi
    assert inspect(samples.pen(), "pen").kernel is None


@pytest.mark.skipif(shutil.which("file") is None, reason="file(1) is not installed")
def test_file_calls_it_a_kernel(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(plan(parse(samples.kernel(), "k"), pen=samples.pen(), name="k").render())
    told = subprocess.run(["file", "-b", out], check=True, capture_output=True, text=True).stdout
    assert told.startswith("Linux kernel ARM64 boot executable Image, little-endian, 4K pages")


def test_no_second_pen_in_front() -> None:
    once = plan(parse(samples.kernel(), "k"), pen=samples.pen(), name="k").render()
    with pytest.raises(UserError, match="k: has a pen in front already"):
        plan(parse(once, "k"), pen=samples.pen(), name="k")


@pytest.mark.parametrize("offer", [Offer.NONE])
def test_an_offer_the_pen_does_not_have(offer: Offer) -> None:
    with pytest.raises(UserError, match="use --offer psci or return"):
        plan(parse(samples.kernel(), "k"), offer=offer, pen=samples.pen(), name="k")


@pytest.mark.parametrize(
    ("pen", "words"),
    [
        (b"", "no Image header"),
        (samples.kernel(), "no descriptor"),
        (samples.pen(version=9), "version 9, expected 2"),
        (samples.pen(payload_offset=4096), "a kernel behind it"),
        (samples.pen(pen_footprint=0x180001), "footprint 0x180001"),
        (samples.pen(pen_footprint=0x10), "footprint 0x10"),
    ],
)
def test_what_is_no_pen_is_refused(pen: bytes, words: str) -> None:
    with pytest.raises(MachineError, match=words):
        plan(parse(samples.kernel(), "k"), pen=pen, name="k")


def damaged(**changes: int) -> bytes:
    whole = plan(parse(samples.kernel(), "k"), pen=samples.pen(), name="k").render()
    descriptor = Descriptor.parse(whole)
    assert descriptor is not None
    fields = {**vars(descriptor), **changes}
    packed = Descriptor(**fields).pack()
    return whole[: layout.DESCRIPTOR_OFFSET] + packed + whole[0x40 + len(packed) :]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (damaged(version=1), "version 1"),
        (damaged(offer=77), "offer 77 doesn't exist"),
        (damaged(payload_offset=0x1000), "puts the kernel at 0x1000"),
        (damaged(payload_size=1 << 40), "truncated or damaged"),
        (damaged(payload_offset=0x180010, payload_size=0x100), "no Image header at 0x180010"),
        (damaged()[:-1], "truncated or damaged"),
    ],
)
def test_a_damaged_wrapped_image_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        inspect(data, "x")


@given(st.binary(max_size=layout.DESCRIPTOR_SIZE))
def test_any_descriptor_gives_facts_or_one_line(noise: bytes) -> None:
    data = bytearray(damaged())
    data[0x48 : 0x48 + len(noise)] = noise
    try:
        inspect(bytes(data), "x")
    except UserError as error:
        assert str(error).startswith("x")

# SPDX-License-Identifier: BSD-2-Clause
"""The lab's booti: what it does to memory, and that a wrapped kernel asks no more of it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from roundpen.image.payload import parse
from roundpen.image.wrap import plan
from roundpen.lab.booti import Booted, Memory, Refused, booti
from tests.unit import samples

KERNEL, TREE, INITRD = 0x8_0000, 0x260_0000, 0x270_0000
DTB = b"\xd0\x0d\xfe\xed" + (0x8000).to_bytes(4, "big")
NOISE = b"\xa5" * 0x1000
MIB = 1 << 20


def start(image: bytes, tree: int = TREE, initrd: int = INITRD) -> tuple[Memory, Booted | Refused]:
    """A board with 128 MiB; U-Boot has loaded all three before it is asked to boot."""
    memory = Memory(0, 128 * MIB)
    memory.write(KERNEL, image)
    memory.write(tree, DTB)
    memory.write(initrd, NOISE)
    return memory, booti(memory, KERNEL, (initrd, len(NOISE)), tree)


def wrapped(image: bytes) -> bytes:
    return plan(parse(image, "k"), pen=samples.pen(), name="k").render()


def test_debian_6_1_and_the_same_wrapped() -> None:
    plain = samples.kernel(image_size=0x201_0000)
    assert start(plain)[1] == Booted(0x20_0000, 0x201_0000, TREE)
    memory, done = start(wrapped(plain))
    assert done == Booted(KERNEL, 0x219_0000, TREE)
    assert memory.read(0x20_0000, len(plain)) == plain


def test_too_much_is_copied_first_and_refused_then() -> None:
    """As Debian's U-Boot did with what `roundpen wrap` made of 6.1 before (descriptor 1)."""
    memory, done = start(samples.kernel(image_size=0x280_0000))
    assert done == Refused("ERROR: RD image overlaps OS image (OS=0x200000..0x2a00000)")
    assert memory.read(INITRD, len(NOISE)) != NOISE


def test_the_tree_is_gone_before_it_is_looked_for() -> None:
    """Debian 13's 6.12 with u-boot-menu's default."""
    _, done = start(samples.kernel(image_size=0x250_0000))
    assert done == Refused("ERROR: Did not find a cmdline Flattened Device Tree")


def test_no_image() -> None:
    assert start(b"\x7fELF" + bytes(60))[1] == Refused("Bad Linux ARM64 Image magic!")


def test_a_kernel_that_wants_the_start_of_ram() -> None:
    _, done = start(samples.kernel(flags=0, text_offset=0x8_0000))
    assert done == Booted(0x8_0000, 0x9000, TREE)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 0x380).map(lambda blocks: blocks * 0x1_0000),
    st.integers(0x200, 0x6FF).map(lambda at: at * 0x1_0000),
    st.integers(0x200, 0x6FF).map(lambda at: at * 0x1_0000),
)
def test_what_starts_plain_starts_wrapped(size: int, tree: int, initrd: int) -> None:
    """From 0x80000, wherever the tree and the initrd are; both end at the same address."""
    if tree == initrd:
        initrd += 0x1_0000
    plain = samples.kernel(image_size=max(size, 0x9000))
    _, alone = start(plain, tree, initrd)
    memory, behind = start(wrapped(plain), tree, initrd)
    if isinstance(alone, Booted):
        assert isinstance(behind, Booted)
        assert behind.entry + behind.image_size == alone.entry + alone.image_size
        assert memory.read(initrd, len(NOISE)) == NOISE

# SPDX-License-Identifier: BSD-2-Clause
"""Started as U-Boot's booti starts an Image, with a Raspberry Pi's addresses, plain and wrapped.

The test kernel claims the image_size of Debian's kernels, so booti does with it what it does with
them. What booti does is roundpen.lab.booti's account of it.
"""

from __future__ import annotations

import secrets
from dataclasses import astuple, dataclass

import pytest

from roundpen.devicetree import Tree
from roundpen.lab import vendor
from roundpen.lab.booti import Memory, Refused, booti
from roundpen.lab.firmware import build
from roundpen.lab.vendor import VirtSpec
from tests.pen import payload_build
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome, config_for, start, wrapped


@dataclass(frozen=True)
class BootiLayout:
    """U-Boot's kernel_addr_r, fdt_addr_r and ramdisk_addr_r, from the start of RAM."""

    kernel: int
    tree: int
    initrd: int


BASE = vendor.RAM + 0x1000_0000
"""Where RAM begins for the loader: the machine's firmware is further down."""
DEBIAN = BootiLayout(kernel=0x8_0000, tree=0x260_0000, initrd=0x270_0000)
"""U-Boot 2023.01 and 2025.01 (include/configs/rpi.h, board/raspberrypi/rpi/rpi.env)."""
FIRMWARES_TREE = BootiLayout(kernel=0x8_0000, tree=0x400_0000, initrd=0x270_0000)
"""The same, but no fdtdir: the tree is where the firmware put it, well above."""
DEBIAN_6_1, DEBIAN_6_12, DEBIAN_6_12_118 = 0x201_0000, 0x250_0000, 0x251_0000


def run_booti(
    bench: Bench, spec: VirtSpec, image: bytes, base: int, layout: BootiLayout, nonce: int
) -> Outcome | Refused:
    """Start `image` as U-Boot would that has these addresses, RAM beginning at `base` for it.

    A tree for `spec` and an initrd of noise lie where `layout` says before booti begins; the
    machine starts with memory as booti leaves it.
    """
    workdir = bench.folder(f"booti-{secrets.token_hex(4)}")
    kernel, at, initrd_at = (base + offset for offset in astuple(layout))
    raw = vendor.qemu_tree(spec, workdir, qemu=bench.qemu)
    tree = Tree(vendor.vendor_tree(raw, spec, ""), "the loader's tree")
    noise = secrets.token_bytes(0x4321)
    tree.set_u64("/chosen", "linux,initrd-start", initrd_at)
    tree.set_u64("/chosen", "linux,initrd-end", initrd_at + len(noise))
    memory = Memory(base, 96 * 2**20)
    for data, address in ((tree.to_bytes(), at), (noise, initrd_at), (image, kernel)):
        memory.write(address, data)
    booted = booti(memory, kernel, (initrd_at, len(noise)), at)
    if isinstance(booted, Refused):
        return booted
    assert memory.read(initrd_at, len(noise)) == noise
    files = {
        "image": memory.read(booted.entry, len(image)),
        "vendor.dtb": memory.read(at, len(tree.to_bytes())),
        "initrd": noise,
        "block": vendor.parameters(spec, booted.entry, at),
    }
    for name, data in files.items():
        (workdir / name).write_bytes(data)
    loads = vendor.Loads(
        firmware=build.binary(),
        block=workdir / "block",
        tree=workdir / "vendor.dtb",
        image=workdir / "image",
        entry=booted.entry,
        more=((workdir / "initrd", initrd_at),),
        tree_address=at,
    )
    return start(vendor.argv(spec, loads), workdir, nonce, 120, qemu=bench.qemu)


def claiming(image: bytes, size: int) -> bytes:
    """The same Image with another image_size in its header."""
    return image[:16] + size.to_bytes(8, "little") + image[24:]


def both(
    bench: Bench, size: int, layout: BootiLayout
) -> tuple[Outcome | Refused, Outcome | Refused]:
    """The test kernel under booti: plain, then wrapped."""
    spec = VirtSpec()
    plain = config_for(spec, Tests.SPIN, word=spec.word(0))
    behind = config_for(spec, Tests.CALLS)
    return (
        run_booti(
            bench, spec, claiming(payload_build.image(plain), size), BASE, layout, plain.nonce
        ),
        run_booti(
            bench,
            spec,
            wrapped(claiming(payload_build.image(behind), size)),
            BASE,
            layout,
            behind.nonce,
        ),
    )


def address(outcome: Outcome, what: str) -> int:
    """What the kernel's first line says of where `what` is."""
    return int(outcome.lines[0].split(f"{what} 0x")[1].split()[0], 16)


@pytest.mark.parametrize(
    ("size", "layout"),
    [(DEBIAN_6_1, DEBIAN), (DEBIAN_6_12, FIRMWARES_TREE)],
    ids=["6.1", "6.12 and the firmware's tree"],
)
def test_what_fits_plain_fits_wrapped(bench: Bench, size: int, layout: BootiLayout) -> None:
    """Both start, at the same address; the pen's copy of the tree spares initrd and tree."""
    plain, behind = both(bench, size, layout)
    assert isinstance(plain, Outcome)
    assert isinstance(behind, Outcome)
    plain.check_all()
    behind.check_all()
    assert address(plain, "image") == address(behind, "image") == BASE + 0x20_0000
    assert behind.tree.text("/chosen", "roundpen,offer") == "psci"
    copy = address(behind, "tree")
    assert copy >= BASE + 0x20_0000 + size
    initrd = int.from_bytes(behind.tree.get("/chosen", "linux,initrd-end") or b"", "big")
    assert copy + len(behind.tree.to_bytes()) <= BASE + layout.initrd or copy >= initrd


@pytest.mark.parametrize(
    ("size", "layout", "said"),
    [
        (DEBIAN_6_12, DEBIAN, "Did not find a cmdline Flattened Device Tree"),
        (DEBIAN_6_12_118, FIRMWARES_TREE, "RD image overlaps OS image"),
    ],
    ids=["6.12", "6.12.118 and the firmware's tree"],
)
def test_what_does_not_fit_does_not_either_way(
    bench: Bench, size: int, layout: BootiLayout, said: str
) -> None:
    plain, behind = both(bench, size, layout)
    assert isinstance(plain, Refused)
    assert isinstance(behind, Refused)
    assert said in plain.why
    # Nothing was moved, so the tree is still there to be found in the way.
    assert "overlaps OS image" in behind.why

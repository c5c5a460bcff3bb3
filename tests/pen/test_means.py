# SPDX-License-Identifier: BSD-2-Clause
"""SYSTEM_OFF and SYSTEM_RESET on a board whose tree has a syscon for them.

QEMU's `virt` has none, so the register is a word of RAM: at the end of the pen's own region,
which the test kernel saves. That it is written, and how, is all there is to see.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from roundpen.contract import layout
from roundpen.devicetree import Tree
from roundpen.lab.vendor import VirtSpec
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome

SYSCON = 0xFF00
"""Offset in the reserved region: the last stack, of a CPU that this machine does not have."""
REGISTER = 0x10
PHANDLE = 0x7001


def cells(*values: int) -> bytes:
    """Property value of 32-bit cells."""
    return struct.pack(f">{len(values)}I", *values)


def with_syscon(base: int, **syscon: bytes) -> Callable[[bytes], bytes]:
    """A syscon behind a bus that translates, and nodes for both ends of the machine."""

    def apply(data: bytes) -> bytes:
        tree = Tree(data, "the board's tree")
        tree.add_node("/soc")
        tree.set("/soc", "#address-cells", cells(1))
        tree.set("/soc", "#size-cells", cells(1))
        tree.set("/soc", "ranges", cells(0x1000, base >> 32, base & 0xFFFFFFFF, 0x10000))
        tree.add_node("/soc/power")
        tree.set_text("/soc/power", "compatible", "syscon")
        tree.set("/soc/power", "reg", cells(0x1000 + SYSCON, 0x100))
        tree.set("/soc/power", "phandle", cells(PHANDLE))
        for name, data_of in syscon.items():
            tree.set("/soc/power", name.replace("_", "-"), data_of)
        for node, mask, value in (("poweroff", 0x00FF, 0xFFFF), ("reboot", 0x0FF0, 0x0500)):
            tree.add_node(f"/{node}")
            tree.set_text(f"/{node}", "compatible", f"syscon-{node}")
            tree.set(f"/{node}", "regmap", cells(PHANDLE))
            tree.set(f"/{node}", "offset", cells(REGISTER))
            tree.set(f"/{node}", "mask", cells(mask))
            tree.set(f"/{node}", "value", cells(value))
        return tree.to_bytes()

    return apply


def register(outcome: Outcome) -> int:
    """What the syscon's register holds at the end."""
    region = (outcome.workdir / "reserved.bin").read_bytes()
    return int.from_bytes(region[SYSCON + REGISTER :][:4], "little")


@pytest.fixture(scope="module")
def base(bench: Bench) -> int:
    """Where the pen puts its region on this machine."""
    return bench.on_pen(VirtSpec(), Tests.CALLS).logbook.base


def test_each_call_writes_its_register(bench: Bench, base: int) -> None:
    """Off: the masked bits of 0xffff. Reset, after it: only the bits under its own mask."""
    off = bench.on_pen(VirtSpec(), Tests.OFF, tree=with_syscon(base))
    assert (off.logbook.can_power_off, off.logbook.can_reset) == (True, True)
    assert register(off) == 0x00FF, off.story()
    both = bench.on_pen(VirtSpec(), Tests.OFF | Tests.RESET, tree=with_syscon(base))
    assert register(both) == 0x050F, both.story()
    # The board did not end, so the call comes back, and Linux can try its next handler.
    assert [detail for _, detail in both.cases["system-reset"]] != []
    assert layout.STACK_OFFSET + layout.STACK_SIZE * layout.SLOT_MAX == layout.RESERVED_SIZE


@pytest.mark.parametrize(
    "oddity", [{"big_endian": b""}, {"reg_io_width": cells(1)}], ids=["big-endian", "bytewise"]
)
def test_registers_of_another_kind_are_left_alone(
    bench: Bench, base: int, oddity: dict[str, bytes]
) -> None:
    outcome = bench.on_pen(
        VirtSpec(), Tests.CALLS | Tests.REGISTERS | Tests.NO_SYSTEM_CALLS,
        tree=with_syscon(base, **oddity),
    )  # fmt: skip
    outcome.check_all()
    assert (outcome.logbook.can_power_off, outcome.logbook.can_reset) == (False, False)


PM = 0x18_0000
"""Offset from the boundary below the Image: RAM of the pen's 2 MiB block that nobody uses."""
PM_RSTC, PM_RSTS, PM_WDOG = PM + 0x1C, PM + 0x20, PM + 0x24


def with_watchdog(data: bytes) -> bytes:
    """A Raspberry Pi's power manager whose registers are words of RAM."""
    tree = Tree(data, "the board's tree")
    node = "/watchdog"
    tree.add_node(node)
    tree.set_text(node, "compatible", "brcm,bcm2835-pm-wdt")
    tree.set(node, "reg", struct.pack(">QQ", VirtSpec().base_address + PM, 0x28))
    return tree.to_bytes()


def test_a_partition_of_an_earlier_reboot_does_not_outlive_the_reset(bench: Bench) -> None:
    """Linux's `reboot 2` wrote 2, spread over the even bits; the next reset is not for it."""
    preset = 0x1004

    def left(image: bytes) -> bytes:
        at = PM_RSTS - layout.WRAPPED_TEXT_OFFSET
        return image[:at] + preset.to_bytes(4, "little") + image[at + 4 :]

    outcome = bench.on_pen(VirtSpec(), Tests.RESET | Tests.FRONT, tree=with_watchdog, image=left)
    front = (outcome.workdir / "front.bin").read_bytes()
    rstc, rsts, wdog = (
        int.from_bytes(front[at : at + 4], "little") for at in (PM_RSTC, PM_RSTS, PM_WDOG)
    )
    password = 0x5A << 24
    assert rsts == password | 0x1000, "bits of others stay"
    assert (rstc, wdog) == (password | 0x20, password | 10)

# SPDX-License-Identifier: BSD-2-Clause
"""Reasons of memory, tree and devices."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.contract.layout import TREE_MAX
from roundpen.kexec.reasons.reason import Judge, Reason, machine, size
from roundpen.kexec.situation import Situation
from roundpen.kexec.system import Watchdog

A_BOOT = 60
"""Seconds until the next kernel's driver or systemd feeds a watchdog: a Raspberry Pi 3 with a
distribution's kernel and initrd takes 20 to 40."""


def no_room(case: Situation) -> Iterator[Reason]:
    """What kexec_file_load calls `Address not available`, kexec-tools `locate_hole failed`."""
    lacking = case.no_room
    if lacking is not None:
        yield machine(
            "no-room",
            f"no room for the {lacking.name}: it wants {size(lacking.size)} in one piece, the "
            f"largest free one is {size(lacking.largest)} (kexec would say `Address not "
            "available`, or `Could not find a free area of memory`)",
            "take a smaller initrd (MODULES=dep), or boot with less reserved (cma=, crashkernel=)",
        )


def over_something(case: Situation) -> Iterator[Reason]:
    """Never, if segments.py is right: a net below it."""
    for said in case.collisions:
        yield machine("collision", said, "report it: the plan would overwrite what has to stay")


def more_than_half(case: Situation) -> Iterator[Reason]:
    """The kernel takes no image larger than half of its memory (EINVAL)."""
    needs = case.needs
    if needs is not None and needs.total is not None and needs.kernel > needs.total // 2:
        yield machine(
            "more-than-half",
            f"kernel and initrd take {size(needs.kernel)}, more than half of the memory "
            f"({size(needs.total)}): the kernel refuses it",
            "take a smaller initrd",
        )


def not_enough_memory(case: Situation) -> Iterator[Reason]:
    """The kernel's copy of the segments, which no swap can take."""
    needs = case.needs
    if needs is not None and needs.available is not None and needs.kernel > needs.available:
        yield machine(
            "memory",
            f"the load takes {size(needs.kernel)} in the kernel, {size(needs.available)} are "
            "available",
            "end programs, empty /tmp if it is in memory, or take a smaller initrd",
        )


def wrong_tree(case: Situation) -> Iterator[Reason]:
    """Without the pen in it, the next kernel would use the memory in which CPUs wait."""
    if case.tree is not None and case.tree.wrong:
        yield machine(
            "tree-wrong",
            f"the next kernel's tree ({case.tree.source}): {case.tree.wrong}",
            "leave --dtb out; if it is the running tree, load the module again",
        )


def tree_too_large(case: Situation) -> Iterator[Reason]:
    """Of the running system; a given one is measured when it is merged."""
    tree = case.system.tree
    if tree is not None and len(tree) > TREE_MAX:
        found = f"the running tree has {len(tree):,} bytes, at most {TREE_MAX:,} can be booted"
        yield machine("tree-too-large", found, "boot with fewer overlays")


# --- devices -------------------------------------------------------------------------------


def watchdog(case: Situation) -> Iterator[Reason]:
    """One that nobody will stop, and that ends before the next kernel feeds it."""
    for device in case.system.watchdogs:
        if device.active and is_short(device) and not is_stopped(case, device):
            yield machine(
                "watchdog",
                f"{device.name} ({device.identity or 'unnamed'}) resets the machine "
                f"{device.timeout} s after its last ping, a boot takes longer",
                "stop the program that feeds it, so that it is switched off"
                + (" (this one can't be: nowayout)" if device.no_way_out else ""),
            )


def is_short(device: Watchdog) -> bool:
    """Does it end before a boot does? One that says nothing may."""
    return device.timeout is None or device.timeout < A_BOOT


def is_stopped(case: Situation, device: Watchdog) -> bool:
    """Is it switched off before the jump? systemd does so unless KExecWatchdogSec= is set."""
    return case.system.systemd and not device.no_way_out


JUDGES: tuple[Judge, ...] = (
    no_room,
    over_something,
    more_than_half,
    not_enough_memory,
    wrong_tree,
    tree_too_large,
    watchdog,
)
"""All of this module, in the order in which they are said."""

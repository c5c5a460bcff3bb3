# SPDX-License-Identifier: BSD-2-Clause
"""Strangers' trees that were measured: the same words in a Raspberry Pi 3B's own tree.

Their own devices are not in a stranger's tree that was cut down to its CPUs, so it is the edit
that is taken over. A name says which tree of tests/unit/field it is.
"""

from __future__ import annotations

from roundpen.devicetree import Tree
from tests.trees.kinds import CPUS, LAST, METHOD, WORD, Case, add_psci, setting, strings, u32
from tests.trees.machine import PI, STOCK, Edit, Session


def _mixed_boot(tree: Tree) -> None:
    tree.set(CPUS[0], METHOD, strings("psci"))
    tree.remove_property(CPUS[0], WORD)
    add_psci(tree, "/psci", status=strings("disabled"))


def _reg_long(tree: Tree) -> None:
    for number, path in enumerate(CPUS):
        tree.set(path, "reg", u32(number, 0))


_EDITS: dict[str, Edit] = {
    "mixed-boot": _mixed_boot,
    "onenodt": setting((LAST,), "device_type", None),
    "norel": setting(CPUS, WORD, None),
    "nocells-root1": setting(("/cpus",), "#address-cells", None),
    "reg-long": _reg_long,
}


def cases(kernel: str = STOCK) -> list[Case]:
    """One for each tree, on `raspi3b`."""
    return [Case(name, Session(PI, edit, kernel=kernel)) for name, edit in _EDITS.items()]

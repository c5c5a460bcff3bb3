# SPDX-License-Identifier: BSD-2-Clause
"""Idle states in the tree that the pen hands over: the pen's own C, run on this host."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from roundpen.contract.layout import Offer
from roundpen.devicetree import Tree
from tests.unit import pen_survey
from tests.unit.check_boards import Nodes, dtb, spin

pytestmark = pytest.mark.skipif(pen_survey.compiler() is None, reason="no C compiler on this host")

STATES: Nodes = {
    "standby": {"phandle": 0x51, "arm,psci-suspend-param": 0},
    "sleep": {"phandle": 0x52, "arm,psci-suspend-param": 0x1_0000},
    "cluster": {"phandle": 0x53, "arm,psci-suspend-param": 0x101_0000},
    "missing": {"phandle": 0x54},
    "short": {"phandle": 0x55, "arm,psci-suspend-param": bytes(2)},
}
DOMAINS: Nodes = {
    "compatible": "arm,psci-1.0",
    "status": "disabled",
    "cpu-pd": {"phandle": 0x61, "#power-domain-cells": 0, "domain-idle-states": 0x52},
    "bare-pd": {"phandle": 0x62, "#power-domain-cells": 0},
}
NOBODYS = [0, 0xFFFF_FFFF, 0x99]
"""Phandles that no node has."""


def handed_over(offer: Offer = Offer.PSCI, **of_each_cpu: object) -> Tree:
    """The tree behind the pen, of a board whose four CPUs have these properties."""
    nodes = spin().nodes
    more = {name.replace("_", "-"): value for name, value in of_each_cpu.items()}
    cpus = {
        name: {**value, **more} if isinstance(value, dict) else value
        for name, value in nodes["cpus"].items()
    }
    changed = {**nodes, "cpus": {**cpus, "idle-states": STATES}, "psci": DOMAINS}
    after = pen_survey.rewritten(dtb(changed), 0, offer)
    assert after is not None
    return Tree(after)


def of_all(tree: Tree, name: str) -> bytes | None:
    """A property that all CPUs have alike."""
    (value,) = {tree.get(f"/cpus/cpu@{number}", name) for number in range(4)}
    return value


@pytest.mark.parametrize(
    ("states", "left"),
    [
        ([0x51], [0x51]),
        ([0x52, 0x51, 0x53], [0x51]),
        ([0x52, 0x53], None),
        ([0x54, 0x51], [0x51]),
        ([0x55], None),
        ([*NOBODYS, 0x51], [0x51]),
        (NOBODYS, None),
        ([0x51] * 9 + [0x52] * 2000, [0x51] * 9),
        (b"", None),
        (b"\0\0\0", None),
        (struct.pack(">I", 0x51) + b"\0\0", [0x51]),
    ],
)
def test_what_the_pen_would_refuse_is_not_offered(states: object, left: list[int] | None) -> None:
    tree = handed_over(cpu_idle_states=states)
    expected = None if left is None else struct.pack(f">{len(left)}I", *left)
    assert of_all(tree, "cpu-idle-states") == expected
    assert of_all(tree, "enable-method") == b"psci\0"
    assert tree.cells("/cpus/idle-states/sleep", "arm,psci-suspend-param") == [0x1_0000]


def test_without_states_none_are_added() -> None:
    assert of_all(handed_over(), "cpu-idle-states") is None


@pytest.mark.parametrize(
    ("domain", "names", "stays"),
    [
        (0x61, None, False),
        (0x62, "psci", False),
        (0x62, ["perf", "psci"], False),
        (0x62, None, True),
        (0x62, "perf", True),
        (0x99, None, True),
    ],
)
def test_power_domains_of_another_psci(domain: int, names: object, stays: bool) -> None:
    """Linux takes the states of the first domain before it looks at cpu-idle-states."""
    more: dict[str, Any] = {} if names is None else {"power_domain_names": names}
    tree = handed_over(power_domains=domain, cpu_idle_states=[0x52, 0x51], **more)
    assert (of_all(tree, "power-domains") is not None) is stays
    assert (of_all(tree, "power-domain-names") is not None) is (stays and names is not None)
    assert of_all(tree, "cpu-idle-states") == struct.pack(">I", 0x51)


def test_the_offer_return_leaves_them() -> None:
    """The enable-method is still spin-table, and cpuidle-psci takes no such CPU."""
    tree = handed_over(Offer.RETURN, cpu_idle_states=[0x52, 0x51], power_domains=0x61)
    assert of_all(tree, "cpu-idle-states") == struct.pack(">2I", 0x52, 0x51)
    assert of_all(tree, "power-domains") is not None

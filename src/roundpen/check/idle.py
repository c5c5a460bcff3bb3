# SPDX-License-Identifier: BSD-2-Clause
"""Idle states of the CPU nodes that the pen does not have: what pen/boot/idle.c drops.

Linux is 6.1: drivers/cpuidle/cpuidle-psci.c, psci_dt_parse_state_node().
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from roundpen.check import reading
from roundpen.devicetree import Node, Outline

STATES_MAX = 9
"""States of a CPU that Linux takes: CPUIDLE_STATE_MAX less the first, which is WFI."""
_PARAM = "arm,psci-suspend-param"
_ANY = re.compile(b"")


def refused_states(outline: Outline, cpus: list[Node]) -> Mapping[str, tuple[str, ...]]:
    """By the path of a CPU: those of its states that the pen does not have, by their names.

    The pen's CPU_SUSPEND knows the state 0, standby. A state without arm,psci-suspend-param, or
    with a phandle that leads to none, is refused as well.
    """
    wanted = {node.path: _handles(node) for node in cpus if node.get("cpu-idle-states")}
    if not wanted:
        return {}
    states: dict[int, Node] = {}
    for node in outline.having(_PARAM, _ANY):
        handle = node.number("phandle") or node.number("linux,phandle")
        if handle is not None:
            states.setdefault(handle, node)
    return {
        path: refused
        for path, handles in wanted.items()
        if (refused := tuple(_name(states, handle) for handle in handles if _bad(states, handle)))
    }


def _handles(node: Node) -> tuple[int, ...]:
    value = (node.get("cpu-idle-states") or b"")[: 4 * STATES_MAX]
    return struct.unpack(f">{len(value) // 4}I", value[: len(value) // 4 * 4])


def _bad(states: Mapping[int, Node], handle: int) -> bool:
    return handle not in states or reading.first_cell(states[handle], _PARAM) != 0


def _name(states: Mapping[int, Node], handle: int) -> str:
    node = states.get(handle)
    if node is None:
        return f"phandle {handle:#x}"
    param = reading.first_cell(node, _PARAM)
    return node.name if param is None else f"{node.name} ({param:#x})"

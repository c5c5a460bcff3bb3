# SPDX-License-Identifier: BSD-2-Clause
"""Small device trees for the checker's tests, and one change to each that a rule must see.

Trees are nested dicts: str, int (one cell), list of cells, bytes or None (no value) are
properties, a dict is a node. pylibfdt writes them, so that no test needs dtc for this.
"""

from __future__ import annotations

import copy
import struct
from dataclasses import dataclass, field
from typing import Any

import libfdt

from roundpen.check import Board, System, check_board, survey
from roundpen.devicetree import Outline
from roundpen.errors import UserError
from roundpen.report import check as report

Nodes = dict[str, Any]
Value = object
"""What `encoded` takes, or a dict."""


@dataclass(frozen=True)
class Sample:
    """A tree, its reservation block, and the system that it is of."""

    nodes: Nodes
    reserve: tuple[tuple[int, int], ...] = ()
    system: System = field(default_factory=System)

    def dtb(self) -> bytes:
        return dtb(self.nodes, self.reserve)

    def board(self) -> Board:
        return survey(Outline(self.dtb(), "a sample"))


def dtb(nodes: Nodes, reserve: tuple[tuple[int, int], ...] = ()) -> bytes:
    sw = libfdt.FdtSw(size_hint=len(repr(nodes)) + 4096)
    for entry in reserve:
        sw.add_reservemap_entry(*entry)
    sw.finish_reservemap()
    sw.begin_node("")
    _write(sw, nodes)
    sw.end_node()
    return bytes(sw.as_fdt().as_bytearray())


def _write(sw: libfdt.FdtSw, nodes: Nodes) -> None:
    for name, value in nodes.items():
        if not isinstance(value, dict):
            sw.property(name, encoded(value))
    for name, value in nodes.items():
        if isinstance(value, dict):
            sw.begin_node(name)
            _write(sw, value)
            sw.end_node()


def encoded(value: object) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode() + b"\0"
    if isinstance(value, int):
        return struct.pack(">I", value)
    assert isinstance(value, list)
    if value and isinstance(value[0], str):
        return b"".join(encoded(text) for text in value)
    return struct.pack(f">{len(value)}I", *value)


def u64(value: int) -> bytes:
    return struct.pack(">Q", value)


def cpu(number: int, **more: Value) -> Nodes:
    return {
        "device_type": "cpu",
        "compatible": "arm,cortex-a72",
        "reg": number,
        "phandle": 100 + number,
        **more,
    }


def around(cpus: Nodes, **more: Value) -> Nodes:
    """A board with 1 GiB of RAM at 1 GiB around some CPUs."""
    return {
        "#address-cells": 2,
        "#size-cells": 2,
        "model": "A board for tests",
        "compatible": "test,board",
        "memory@40000000": {"device_type": "memory", "reg": [0, 0x4000_0000, 0, 0x4000_0000]},
        "cpus": {"#address-cells": 1, "#size-cells": 0, **cpus},
        **more,
    }


def reserved(**nodes: Nodes) -> Nodes:
    return {"#address-cells": 2, "#size-cells": 2, "ranges": None, **nodes}


def spin(count: int = 4) -> Sample:
    """As a Raspberry Pi: a word per CPU, reserved, no way back; but words 256 bytes apart."""
    cpus = {
        f"cpu@{number:x}": cpu(
            number,
            **{"enable-method": "spin-table", "cpu-release-addr": u64(0x4000_0000 + 256 * number)},
        )
        for number in range(count)
    }
    return Sample(around(cpus), ((0x4000_0000, 0x1000 + 256 * count),))


def returnable(count: int = 4) -> Sample:
    """The example of the contract's binding: firmware takes each CPU back."""
    cpus = {
        f"cpu@{number:x}": cpu(
            number,
            **{
                "enable-method": "spin-table",
                "cpu-release-addr": u64(0x4010_2000 + 256 * number),
                "cpu-return-addr": u64(0x4010_0040),
            },
        )
        for number in range(count)
    }
    pen = {"reg": [0, 0x4010_0000, 0, 0x1_0000], "no-map": None}
    return Sample(around(cpus, **{"reserved-memory": reserved(**{"firmware@40100000": pen})}))


def psci(count: int = 4) -> Sample:
    """A board whose firmware has PSCI."""
    cpus = {f"cpu@{number:x}": cpu(number, **{"enable-method": "psci"}) for number in range(count)}
    node = {"compatible": ["arm,psci-1.0", "arm,psci-0.2"], "method": "smc"}
    gic = {"compatible": "arm,gic-400", "interrupt-controller": None}
    return Sample(around(cpus, psci=node, **{"interrupt-controller@1000": gic}))


LIVE = System(
    live=True,
    entry_level=2,
    release="6.1.0-test",
    config={"CONFIG_KEXEC": "y", "CONFIG_KEXEC_FILE": "y", "CONFIG_HOTPLUG_CPU": "y"},
    command_line="console=ttyS0",
    lockdown="none",
    kexec_loaded=False,
    kexec_disabled=False,
    possible=4,
    online=4,
    efi=False,
)


def changed(sample: Sample, path: str, **properties: Value) -> Sample:
    """`sample` with properties set at `path`; `...` removes one. "_" in names stands for "-"."""
    nodes = copy.deepcopy(sample.nodes)
    at = nodes
    for name in path.strip("/").split("/"):
        if name:
            at = at.setdefault(name, {})
    for name, value in properties.items():
        if value is ...:
            at.pop(name.replace("_", "-"), None)
        else:
            at[name.replace("_", "-")] = value
    return Sample(nodes, sample.reserve, sample.system)


def each_cpu(sample: Sample, **properties: Value) -> Sample:
    for name, node in sample.nodes["cpus"].items():
        if isinstance(node, dict) and name.startswith("cpu@"):
            sample = changed(sample, f"cpus/{name}", **properties)
    return sample


def with_idle_state(param: int) -> Sample:
    """A spin-table's board whose CPUs have an idle state, for a PSCI that it lacks."""
    state = {"compatible": "arm,idle-state", "phandle": 200, "arm,psci-suspend-param": param}
    return changed(each_cpu(spin(), cpu_idle_states=200), "cpus/idle-states", sleep=state)


def with_reserve(sample: Sample, *entries: tuple[int, int]) -> Sample:
    return Sample(sample.nodes, entries, sample.system)


def on(sample: Sample, system: System) -> Sample:
    return Sample(sample.nodes, sample.reserve, system)


def board(data: bytes) -> Board:
    return survey(Outline(data, "hostile"))


def survives(data: bytes) -> None:
    """All of a check, the text too; nothing but UserError may come out."""
    try:
        found = check_board(board(data))
    except UserError as error:
        assert str(error).isprintable()
        return
    for line in (*report.full(found), report.line(found)):
        assert line.isprintable() or line == ""

# SPDX-License-Identifier: BSD-2-Clause
"""The logbook of the machine that this runs on.

Where the module `roundpen` is loaded it hands the region out; its pen may be one that the running
tree does not name. Else the device tree says where the region is, and /dev/mem has it.

The thin edge: everything that opens a device is in here.
"""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

from roundpen.contract import layout
from roundpen.errors import RefusedError, reason_of
from roundpen.logbook.parse import Logbook, parse

_TREE = Path("/proc/device-tree")
_MEMORY = Path("/dev/mem")
_MODULE = Path("/sys/kernel/roundpen")


def read(*, module: Path = _MODULE) -> Logbook:
    """The running machine's logbook.

    Raises RefusedError when there is no pen here, the caller isn't root, or the kernel doesn't
    let anyone read its memory.
    """
    if (module / "logbook").exists():
        return _read_module(module)
    base = region_base(_TREE)
    return parse(_copy(_MEMORY, base), base=base)


def _read_module(module: Path) -> Logbook:
    """The region as the module hands it out: module/sysfs.c, `logbook` and `region`."""
    try:
        base = int((module / "region").read_text(encoding="ascii").split()[0], 16)
        return parse((module / "logbook").read_bytes(), base=base)
    except (ValueError, IndexError) as error:
        raise RefusedError(
            f"{module}/region: does not begin with an address",
            remedy="the module is of another version than this program: install both anew",
        ) from error
    except OSError as error:
        raise RefusedError(
            f"{module}: {reason_of(error)}", remedy="run as root: only root may read the logbook"
        ) from error


def refusal(tree: Path = _TREE) -> str | None:
    """Why the pen stepped aside, as it says in /chosen; None when it doesn't."""
    try:
        text = (tree / "chosen" / layout.CHOSEN_REFUSED).read_bytes()
    except OSError:
        return None
    return text.rstrip(b"\0").decode("ascii", "replace")


def region_base(tree: Path) -> int:
    """The physical address of the pen's region from its node under /reserved-memory.

    Raises RefusedError when the tree has no such node or its address can't be true.
    """
    for node in sorted(tree.glob(f"reserved-memory/{layout.NODE_NAME}@*")):
        names = (node / "compatible").read_bytes().rstrip(b"\0").split(b"\0")
        if layout.COMPATIBLE.encode("ascii") in names:
            return _base_of(node, tree)
    reason = refusal(tree)
    raise RefusedError(
        f"the pen stepped aside without a logbook: {reason}"
        if reason
        else "this machine's device tree has no pen (no reserved-memory node "
        f"compatible with {layout.COMPATIBLE})",
        remedy="boot a wrapped kernel, or give a memory dump with --dump",
    )


def _base_of(node: Path, tree: Path) -> int:
    cells = int.from_bytes((tree / "reserved-memory" / "#address-cells").read_bytes(), "big")
    reg = (node / "reg").read_bytes()
    base = int.from_bytes(reg[: 4 * cells], "big")
    if cells not in (1, 2) or len(reg) <= 4 * cells or base % layout.RESERVED_ALIGN:
        raise RefusedError(
            f"device tree, {node.name}: reg is {reg.hex()} with {cells} address cells, expected "
            f"an address that is a multiple of {layout.RESERVED_ALIGN:#x}",
            remedy="the tree was changed after the pen wrote it",
        )
    return base


def _copy(memory: Path, base: int) -> bytes:
    """The region's bytes through mmap.

    read() fails on no-map memory, which the kernel has no mapping for. mmap gives a Device
    mapping of it, and there an access must be aligned to its size: the wide, unaligned loads
    of memcpy, which slicing the map would use, end in SIGBUS on real hardware. So the copy
    goes through a view of aligned 8-byte elements, one load each.
    """
    try:
        with (
            memory.open("rb", buffering=0) as device,
            mmap.mmap(
                device.fileno(), layout.RESERVED_SIZE, mmap.MAP_SHARED, mmap.PROT_READ, offset=base
            ) as area,
            memoryview(area) as view,
            view.cast("Q") as words,
        ):
            return b"".join(word.to_bytes(8, sys.byteorder) for word in words)
    except PermissionError as error:
        raise RefusedError(
            f"{memory}: {reason_of(error)}",
            remedy="run as root; if you are, the kernel forbids it (lockdown, STRICT_DEVMEM)",
        ) from error
    except OSError as error:
        raise RefusedError(
            f"{memory}: cannot map {layout.RESERVED_SIZE:#x} bytes at {base:#x}: "
            f"{reason_of(error)}",
            remedy="a kernel with CONFIG_DEVMEM is needed; or use --dump",
        ) from error

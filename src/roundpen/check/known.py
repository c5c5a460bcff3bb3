# SPDX-License-Identifier: BSD-2-Clause
"""What is known of boards beyond their trees: three tables, kept as data beside this file.

boards.toml: boards with a spin-table, for docs/routes.md and for what a tree can't say.
psci.toml: PSCI that was seen to lose CPUs.
loaders.toml: loaders with fixed addresses for kernel, tree and initrd.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from roundpen.check.board import Board


@dataclass(frozen=True, slots=True)
class KnownBoard:
    """A row of the table of boards in docs/routes.md; text is Markdown."""

    name: str
    compatible: tuple[str, ...]
    """Of the root: any of them. Empty: a kind of board that no tree tells."""
    words: str
    reserved: str
    entry: str
    route: str
    run: str
    el2: str
    """"" as with most; "none": the cores have no EL2; "vhe": HCR_EL2.E2H is fixed to one."""


@dataclass(frozen=True, slots=True)
class LossyPsci:
    """PSCI of a board that was seen to lose CPUs, or to be promised and missing."""

    name: str
    compatible: tuple[str, ...]
    """Of the root: any of them."""
    node: str
    """Path of a node that only this firmware makes; "" when nothing more tells it."""
    certain: bool
    """Has each such board the fault, as far as known? Otherwise some were reported to."""
    seen: str
    do: str
    source: str


@dataclass(frozen=True, slots=True)
class KnownLoader:
    """A loader that has fixed addresses (physical)."""

    name: str
    compatible: tuple[str, ...]
    """Of the root: any of them."""
    first: str
    last: str
    """The versions that have these addresses, as "2023.01"."""
    ram: int
    kernel: int
    tree: int
    initrd: int
    do: str
    source: str


@cache
def boards() -> tuple[KnownBoard, ...]:
    """The table of boards, in its order."""
    return tuple(
        KnownBoard(
            **row | {"compatible": tuple(row.get("compatible", ())), "el2": row.get("el2", "")}
        )
        for row in rows(__package__, "boards.toml", "board")
    )


@cache
def lossy_psci() -> tuple[LossyPsci, ...]:
    """The table of PSCI that loses CPUs, in its order."""
    return tuple(
        LossyPsci(**row | {"compatible": tuple(row["compatible"]), "node": row.get("node", "")})
        for row in rows(__package__, "psci.toml", "psci")
    )


@cache
def loaders() -> tuple[KnownLoader, ...]:
    """The table of loaders with fixed addresses, in its order."""
    return tuple(
        KnownLoader(**row | {"compatible": tuple(row["compatible"])})
        for row in rows(__package__, "loaders.toml", "loader")
    )


def loader_of(board: Board, version: str | None) -> KnownLoader | None:
    """The first row that fits the board and the loader's version, if that is known.

    `version` is U-Boot's own text: "2025.01+dfsg-1". One that doesn't begin so is not known.
    """
    found = re.match(r"20\d\d\.\d\d", version or "")
    for row in loaders():
        if not set(row.compatible).isdisjoint(board.compatible) and (
            found is None or row.first <= found[0] <= row.last
        ):
            return row
    return None


def rows(package: str, file: str, name: str) -> list[dict[str, Any]]:
    """The tables `name` of a TOML file that lies in `package`."""
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    found: list[dict[str, Any]] = tomllib.loads(text)[name]
    return found


def el2_of(board: Board) -> str:
    """`el2` of the first row that is of this board; "" when none is."""
    for row in boards():
        if row.el2 and not set(row.compatible).isdisjoint(board.compatible):
            return row.el2
    return ""


def psci_fault(board: Board) -> LossyPsci | None:
    """What is known against the PSCI that the tree promises; None when nothing is.

    The pen's own PSCI is not the firmware's.
    """
    if board.pen_offer == "psci" or not any(cpu.method == "psci" for cpu in board.secondaries):
        return None
    for row in lossy_psci():
        if not set(row.compatible).isdisjoint(board.compatible) and (
            not row.node or any(entry.path == row.node for entry in board.reserved)
        ):
            return row
    return None

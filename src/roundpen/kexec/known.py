# SPDX-License-Identifier: BSD-2-Clause
"""What is known of kernels and cores beyond what can be read from them: two tables, kept as data.

known_kernels.toml: kernels with which kexec goes wrong. cores.toml: cores that can't do every
page size. Each row has its source.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache

from roundpen.check.known import rows

CONDITIONS = ("lpa2", "kexec_file_load", "qemu-virt")
MIDR_CORE = 0xFF00_FFF0
"""Implementer and part number."""


@dataclass(frozen=True, slots=True)
class KnownKernel:
    """A row of known_kernels.toml, which says what the fields mean."""

    name: str
    whose: str
    first: str
    last: str
    when: tuple[str, ...]
    certain: bool
    seen: str
    do: str
    source: str

    def has(self, release: str | None) -> bool:
        """Is `release` one of these? False where it begins with no version."""
        version = numbers(release)
        if not version:
            return False
        last = numbers(self.last)
        # As many numbers as the row knows: 6.12 ends with the last 6.12.*.
        return version >= numbers(self.first) and (not last or version[: len(last)] <= last)


@dataclass(frozen=True, slots=True)
class KnownCore:
    """A row of cores.toml. `lacks`: page sizes in bytes."""

    name: str
    midr: int
    lacks: tuple[int, ...]
    source: str


def numbers(release: str | None) -> tuple[int, ...]:
    """The version at the start of a release: "6.12.118+deb13-arm64" is (6, 12, 118)."""
    found = re.match(r"\d{1,4}(\.\d{1,4}){0,2}", release or "", re.ASCII)
    return tuple(map(int, found[0].split("."))) if found else ()


@cache
def kernels() -> tuple[KnownKernel, ...]:
    """The table of kernels, in its order."""
    return tuple(
        KnownKernel(**row | {"when": tuple(row["when"])})
        for row in rows(__package__, "known_kernels.toml", "kernel")
    )


@cache
def cores() -> tuple[KnownCore, ...]:
    """The table of cores, in its order."""
    return tuple(
        KnownCore(**row | {"lacks": tuple(row["lacks"])})
        for row in rows(__package__, "cores.toml", "core")
    )


def without(midrs: Collection[int], page: int) -> Iterator[KnownCore]:
    """The cores of the machine that can't do pages of `page` bytes."""
    for core in cores():
        if page in core.lacks and any(midr & MIDR_CORE == core.midr for midr in midrs):
            yield core


def faults(
    whose: str, release: str | None, holds: dict[str, bool | None]
) -> Iterator[tuple[KnownKernel, bool]]:
    """The rows that fit, and whether each is certain here.

    `holds`: by condition, whether it holds; None where nobody knows: then it may.
    """
    for row in kernels():
        states = [holds.get(name) for name in row.when]
        if row.whose == whose and row.has(release) and False not in states:
            yield row, row.certain and None not in states

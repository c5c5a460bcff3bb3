# SPDX-License-Identifier: BSD-2-Clause
"""Which device tree the next kernel gets."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NextTree:
    """The tree, without the command line, initrd and seeds that whoever loads fills in.

    `source`: "/sys/firmware/fdt", "/sys/kernel/roundpen/fdt", or a file with what was merged.
    """

    source: str
    data: bytes | None = field(default=None, repr=False)
    """None where it can't be known: without root, or before the module is loaded."""
    own_file: bool = False
    """Does whoever loads have to give it (`--dtb`)? Otherwise it is what the kernel or
    kexec-tools takes by itself."""
    edits: tuple[str, ...] = ()
    """What was taken over or changed, a line each."""

# SPDX-License-Identifier: BSD-2-Clause
"""Rules about reserved memory, and about the tree as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.check.bearing import ALL, PENS, TAKES_CPUS_BACK, closes, spares, unsettles
from roundpen.check.board import BLOCK, Kind, Reserved
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.contract import layout

_SHOWN = 200


@rule(
    "RP080",
    Severity.ERROR,
    "reserved regions that overlap",
    why="Two owners for one piece of memory. Linux prints `OVERLAP DETECTED` and goes on; a no-map "
    "region may then stay mapped.",
    do="Move one of them.",
    source="Linux, drivers/of/of_reserved_mem.c: __rmem_check_for_overlap()",
    bears=(
        unsettles(
            "firmware-return", "nr-cpus", because="if firmware's memory is not in the overlap"
        ),
        spares("late", "psci", *PENS, "kdump"),
    ),
)
def overlap(case: Case) -> Iterator[Hit]:
    """Two nodes of /reserved-memory have bytes in common."""
    nodes = [entry for entry in case.board.reserved if entry.path != BLOCK]
    widest: Reserved | None = None
    for entry in sorted(nodes, key=lambda entry: entry.range):
        if widest and widest.range.overlaps(entry.range):
            yield Hit(
                entry.path,
                "reg",
                f"{entry.range}, overlaps {widest.range} of {widest.path}",
                "memory of its own",
                "move one of them",
            )
        if widest is None or entry.range.end > widest.range.end:
            widest = entry


@rule(
    "RP081",
    Severity.WARNING,
    "a no-map region inside a /memreserve/ entry",
    why="Linux 6.1 takes the reservation block first, and then refuses to unmap what is reserved "
    "already: the no-map has no effect.",
    do="Remove the /memreserve/ entry; the node alone is enough.",
    source="Linux 6.1, drivers/of/fdt.c: early_init_dt_reserve_memory(); "
    "Trusted Firmware-A removes the entry on the Raspberry Pi",
)
def no_map_in_memreserve(case: Case) -> Iterator[Hit]:
    """An entry of the reservation block and a no-map node overlap."""
    for entry in case.board.no_map_lost:
        found = f"{entry.range}, in /memreserve/ too"
        yield Hit(entry.path, "no-map", found, "one of the two", "remove the /memreserve/ entry")


@rule(
    "RP082",
    Severity.ERROR,
    "reserved memory that Linux ignores",
    why="Linux takes /reserved-memory only with the root's cells and a ranges property; otherwise "
    "`unsupported node format, ignoring`, and it uses all that was to be kept from it.",
    do="Give the node ranges, and #address-cells and #size-cells as the root has them.",
    source="Linux, drivers/of/fdt.c: __reserved_mem_check_root()",
    bears=(
        closes("firmware-return", "nr-cpus", because="unsafe: Linux ignores what is reserved"),
        closes(*PENS, because="Linux would ignore the pen's region too (RESERVATIONS_IGNORED)"),
        closes("late", because="the next kernel would use the pen's memory for something else"),
        spares("psci", "kdump"),
    ),
)
def ignored(case: Case) -> Iterator[Hit]:
    """/reserved-memory lacks ranges, or its cells differ from the root's."""
    why = case.board.reservations_ignored
    if why:
        yield Hit("/reserved-memory", "", why, "ranges, and the root's cells", "correct the node")


@rule(
    "RP083",
    Severity.ERROR,
    "addresses that can't be read",
    why="The node's cells or reg make no sense, so what it says of CPUs or memory is lost, here "
    "and in the kernel.",
    do="Correct the cells, or the length of reg.",
    source="Devicetree Specification 0.4, 2.3.5, 2.3.6",
    bears=(
        unsettles(
            "late",
            *PENS,
            "firmware-return",
            "nr-cpus",
            because="if what can't be read is nothing that they need",
        ),
        spares("psci", "kdump"),
    ),
)
def unreadable(case: Case) -> Iterator[Hit]:
    """Cells other than 1 or 2, or a reg that is not whole entries."""
    for trouble in case.board.troubles:
        yield Hit(trouble.path, trouble.prop, trouble.found, trouble.expected, "correct it")


@rule(
    "RP084",
    Severity.ERROR,
    "a tree larger than 2 MiB",
    why="arm64 kernels map 2 MiB for the tree. A larger one is not booted; kexec-tools and the pen "
    "have the same limit.",
    do="Make it smaller: fewer overlays, no symbols (`dtc` without `-@`), less padding.",
    source="Linux, Documentation/arm64/booting.rst",
    bears=(closes(*ALL, because="a tree larger than 2 MiB can't be booted"),),
)
def too_large(case: Case) -> Iterator[Hit]:
    """totalsize is above the boot protocol's limit."""
    if case.board.size > layout.TREE_MAX:
        found = f"{case.board.size:,} bytes"
        yield Hit("/", "", found, f"at most {layout.TREE_MAX:,}", "make the tree smaller")


@rule(
    "RP085",
    Severity.NOTE,
    "no RAM in the tree",
    why="The loader fills it in. Until then nobody can say whether release words are in RAM: words "
    "that are not reserved count as in danger.",
    do="For a full answer check the tree of the running system.",
    source="Devicetree Specification 0.4, 3.4",
)
def no_ram(case: Case) -> Iterator[Hit]:
    """Spin-table CPUs, and no memory node with a size."""
    if case.board.spinning and not case.board.memory:
        yield Hit("/", "memory", "none, or of size 0", "the board's RAM", "check it running")


@rule(
    "RP086",
    Severity.WARNING,
    "a GICv3 ITS without a way to reserve its tables",
    why="The redistributors keep writing to LPI tables in the first kernel's memory after kexec. "
    "The second kernel does not know where they are unless EFI told the first to reserve them; its "
    "memory is overwritten. Measured in QEMU: the second kernel's own text.",
    do='Boot through EFI, or disable the ITS (status = "disabled") where kexec is used and '
    "nothing needs message-signalled interrupts.",
    source="measured, QEMU virt with GICv3, Linux 6.1; drivers/irqchip/irq-gic-v3-its.c: "
    "gic_reserve_range()",
    bears=(
        unsettles(
            *TAKES_CPUS_BACK,
            "nr-cpus",
            because="if nothing has used the GICv3's LPIs: their tables are not handed on",
        ),
    ),
)
def lpi_tables(case: Case) -> Iterator[Hit]:
    """An enabled ITS, and no EFI as far as known."""
    efi = case.system.efi if case.system.efi is not None else case.board.efi
    if not efi:
        for path in case.board.its:
            yield Hit(
                path,
                "compatible",
                "arm,gic-v3-its, enabled, and no EFI",
                "EFI, or no ITS",
                "boot through EFI, or disable the ITS",
            )


@rule(
    "RP087",
    Severity.ERROR,
    "the pen stepped aside",
    why="A wrapped kernel was started, and the pen found something that it does not handle. The "
    "kernel runs as it would have without a pen.",
    do="Look the reason up in docs/messages.md, which has a cure for each.",
    source="docs/messages.md, The pen stepped aside",
    bears=(
        closes("pen-psci-el2", "pen-psci-el3", because="the pen was tried, and stepped aside"),
        unsettles(
            "pen-return", because="if what the pen stepped aside for does not concern this offer"
        ),
        spares("late", "psci", "firmware-return", "nr-cpus", "kdump"),
    ),
)
def pen_refused(case: Case) -> Iterator[Hit]:
    """/chosen has the pen's reason, and no pen is at work."""
    board = case.board
    if board.pen_refused and not board.pen_offer:
        yield Hit(
            "/chosen",
            layout.CHOSEN_REFUSED,
            f'"{board.pen_refused[:_SHOWN]}"',
            f"{layout.CHOSEN_OFFER}: the pen at work",
            "look the reason up in docs/messages.md",
        )


@rule(
    "RP088",
    Severity.ERROR,
    "an overlay by itself",
    why="An overlay changes a tree and is none. What it makes of CPUs and memory can only be "
    "judged in the tree that it is merged into.",
    do="Merge it: `fdtoverlay -i BASE.dtb -o MERGED.dtb OVERLAY.dtbo`, and check the result.",
    source="dtc, Documentation/dt-object-internal.txt",
    bears=(closes(*ALL, because="an overlay is no board"),),
)
def overlay(case: Case) -> Iterator[Hit]:
    """The tree is an overlay that nobody has merged."""
    if case.board.kind is Kind.OVERLAY:
        yield Hit("/", "", "an overlay", "a board's tree", "merge it with fdtoverlay first")

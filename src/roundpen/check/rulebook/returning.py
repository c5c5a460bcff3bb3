# SPDX-License-Identifier: BSD-2-Clause
"""Rules about the way back: may the kernel believe what `cpu-return-addr` promises?

The conditions, their order and their words are those of the kernel series: check_return() and
release_word_is_shared() of the patch "Keep returnable CPUs in firmware until boot". Two things
differ, because a tree says less than a running kernel knows: the cache writeback granule
(see LINE and GRANULE), and RAM that the loader has yet to fill in, which counts as RAM here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from roundpen.check import facts
from roundpen.check.bearing import PENS, closes, spares, unsettles
from roundpen.check.board import WORD_SIZE, Board, Cpu, Range
from roundpen.check.facts import LINE
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.rulebook.words import STAY_BEHIND, names, of
from roundpen.contract import layout

PROP = "cpu-return-addr"
INSTRUCTION = 4
PAGE = 4096
"""Bytes. Linux maps by pages; with larger ones it is stricter than what is said here."""
GRANULE = layout.SLOT_SIZE
"""Bytes that suit every core known to us (contract, T4). The architecture's
worst case, 2 KiB (CTR_EL0.CWG = 9), would condemn trees that work on every core there is. Below
LINE every kernel refuses; from there to GRANULE it depends on the core, hence two rules."""

_NAMED = 8
"""Neighbours that are worth naming; a tree may claim thousands."""

LINUX_REFUSALS = {
    "its device tree node has no cpu-return-addr": "RP041",
    "its cpu-return-addr is not a 64-bit value": "RP042",
    "its cpu-release-addr is zero or not aligned to 8 bytes": "RP043",
    "its cpu-return-addr is zero": "RP044",
    "its cpu-return-addr is not aligned to 4 bytes": "RP045",
    "its release word is not in no-map reserved memory": "RP046",
    "its cpu-return-addr is not in no-map reserved memory": "RP047",
    "it shares its release word with another CPU": "RP048",
}
"""What the series says of a CPU that it does not return, and the rule that says it here."""

_SOURCE = "Linux series of roundpen, smp_spin_table.c: `{}`; docs/contract.md, {}"
_CLAUSE = {
    "RP041": "T1",
    "RP042": "T1",
    "RP043": "T3",
    "RP044": "T7",
    "RP045": "T7",
    "RP046": "T5",
    "RP047": "T5",
    "RP048": "T2",
}


ONE_REFUSED = (
    unsettles("firmware-return", because="if the CPUs that the kernel does not believe can stay"),
    closes("late", because="the module refuses a way back that it can't believe"),
    STAY_BEHIND,
    spares("psci", *PENS, "nr-cpus"),
)
"""What each of the kernel's refusals means; the way's judge knows which CPU it is."""


def _source(code: str) -> str:
    text = next(text for text, at in LINUX_REFUSALS.items() if at == code)
    return _SOURCE.format(text, _CLAUSE[code])


def never_mapped(board: Board, address: int, size: int) -> bool:
    """Does Linux keep the page of `address` out of its linear map?

    Outside of RAM there is nothing to map. In RAM it takes `no-map`, for all of the page up to
    the last byte wanted: Linux asks for the page's first byte.
    """
    wanted = Range(address - address % PAGE, address + size)
    return board.in_ram(Range(address, address + size)) is False or board.kept(wanted, no_map=True)


def refusals(board: Board, line: int) -> list[tuple[Cpu, str | None]]:
    """Each usable spin-table CPU, and the code of the first reason not to return it.

    None: the kernel returns it. `line`: bytes of the cache writeback granule.
    """
    near = neighbours(board, line)
    return [
        (cpu, _reason(board, cpu, near[index]))
        for index, cpu in enumerate(board.cpus)
        if cpu.spins and not cpu.failed
    ]


def neighbours(board: Board, line: int) -> list[tuple[Cpu, ...]]:
    """For each CPU of `board.cpus` the others, used or not, with a word in the same `line` bytes.

    By index and not by path: a damaged tree may have two nodes of one name.
    """
    lines: dict[int, list[int]] = defaultdict(list)
    for index, cpu in enumerate(board.cpus):
        if cpu.word is not None:
            lines[cpu.word // line].append(index)
    found: list[tuple[Cpu, ...]] = [()] * len(board.cpus)
    for together in lines.values():
        few = together[: _NAMED + 1]
        for index in together:
            found[index] = tuple(board.cpus[other] for other in few if other != index)
    return found


def _reason(board: Board, cpu: Cpu, near: tuple[Cpu, ...]) -> str | None:
    word, entry = cpu.word, cpu.entry
    if cpu.returns_to is None:
        return "RP041"
    if cpu.returns_to.value is None:
        return "RP042"
    if word is None or word % WORD_SIZE:
        return "RP043"
    if entry is None:
        return "RP044"
    if entry % INSTRUCTION:
        return "RP045"
    if not never_mapped(board, word, WORD_SIZE):
        return "RP046"
    if not never_mapped(board, entry, INSTRUCTION):
        return "RP047"
    return "RP048" if near else None


def _refused(case: Case, code: str) -> Iterator[Cpu]:
    """The spin-table CPUs that `code` is the kernel's reason not to return."""
    found = refusals(case.board, case.system.cache_line or LINE)
    return (cpu for cpu, reason in found if reason == code)


@rule(
    "RP040",
    Severity.ERROR,
    "CPUs that cannot leave the kernel",
    why="A spin-table sends CPUs into the kernel and has no way to take them back. So Linux offers "
    "no CPU hotplug, and refuses kexec when it is asked on one of them, or on a boot CPU like "
    "them: `Can't kexec: CPUs are stuck in the kernel`, EBUSY. One with psci accepts it (RP006).",
    do="Take a route: `roundpen check` lists the ones that are open, best first.",
    source="measured, QEMU virt and raspi3b, Linux 6.1; arch/arm64/kernel/smp.c: "
    "cpus_are_stuck_in_kernel()",
    bears=(
        closes("psci", because="CPUs of a spin-table can't leave the kernel"),
        closes(
            "firmware-return", because="this firmware promises no way back (no cpu-return-addr)"
        ),
        STAY_BEHIND,
        spares("late", *PENS, "nr-cpus"),
    ),
)
def no_way_back(case: Case) -> Iterator[Hit]:
    """No secondary of a spin-table that Linux counts has a return address."""
    spinning = facts.spinning(*case)
    if spinning and all(cpu.returns_to is None for cpu in spinning):
        accepted = facts.two_kinds(*case) is not None
        yield Hit(
            spinning[0].path,
            "enable-method",
            f'"spin-table" without {PROP} on {of(spinning, case.board.usable)}',
            "a way back",
            "take one of the routes"
            + ("; don't load a kernel as it is: it may be accepted (RP006)" if accepted else ""),
        )


@rule(
    "RP041",
    Severity.ERROR,
    "a return address on some CPUs only",
    why="Linux refuses kexec as long as one CPU, other than the one that runs it, can't go back.",
    do="Firmware has to say it for each CPU, the boot CPU too if that is to be unplugged.",
    source=_source("RP041"),
    bears=ONE_REFUSED,
)
def on_some_only(case: Case) -> Iterator[Hit]:
    """Some spin-table CPUs have cpu-return-addr and others don't."""
    spinning = [cpu for cpu in case.board.usable if cpu.spins]
    without = [cpu for cpu in spinning if cpu.returns_to is None]
    if without and len(without) < len(spinning):
        yield Hit(
            without[0].path,
            PROP,
            f"none on {of(without, case.board.usable)}",
            "on every CPU, or on none",
            "have firmware promise it for each CPU that it takes back",
        )


@rule(
    "RP042",
    Severity.ERROR,
    "a return address that is not 64 bits long",
    why="The property is a u64. Linux does not return the CPU, and refuses kexec.",
    do="Write it with two cells, or as /bits/ 64.",
    source=_source("RP042"),
    bears=ONE_REFUSED,
)
def wrong_length(case: Case) -> Iterator[Hit]:
    """cpu-return-addr is not 8 bytes long."""
    for cpu in _refused(case, "RP042"):
        found = f"{len(cpu.returns_to.raw) if cpu.returns_to else 0} bytes"
        yield Hit(cpu.path, PROP, found, "8 bytes", "write it with two cells")


@rule(
    "RP043",
    Severity.ERROR,
    "a return address with an unusable release word",
    why="The release word is where firmware gives the receipt. Without a sound one Linux does not "
    "return the CPU, and refuses kexec.",
    do="Give each CPU a release word at a multiple of 8, other than 0.",
    source=_source("RP043"),
    bears=ONE_REFUSED,
)
def unusable_word(case: Case) -> Iterator[Hit]:
    """cpu-release-addr is missing, zero or misaligned."""
    for cpu in _refused(case, "RP043"):
        word = cpu.release.value if cpu.release else None
        found = "none" if word is None else f"{word:#x}"
        yield Hit(
            cpu.path, "cpu-release-addr", found, "a multiple of 8, not 0", "correct the address"
        )


@rule(
    "RP044",
    Severity.ERROR,
    "a return address of zero",
    why="Zero is no place to return to. Linux does not return the CPU, and refuses kexec.",
    do="Fill in the return entry, or leave the property out.",
    source=_source("RP044"),
    bears=ONE_REFUSED,
)
def zero(case: Case) -> Iterator[Hit]:
    """cpu-return-addr is 0."""
    for cpu in _refused(case, "RP044"):
        yield Hit(cpu.path, PROP, "0", "the address of the return entry", "fill it in")


@rule(
    "RP045",
    Severity.ERROR,
    "a return address that is not aligned",
    why="An A64 instruction is aligned to 4 bytes; a branch to anywhere else faults. Linux does "
    "not return the CPU, and refuses kexec.",
    do="Correct the address.",
    source=_source("RP045"),
    bears=ONE_REFUSED,
)
def unaligned(case: Case) -> Iterator[Hit]:
    """cpu-return-addr is no multiple of 4."""
    for cpu in _refused(case, "RP045"):
        yield Hit(cpu.path, PROP, f"{cpu.entry:#x}", "a multiple of 4", "correct the address")


@rule(
    "RP046",
    Severity.ERROR,
    "a returnable CPU's release word that the kernel maps",
    why="Through its linear map the kernel could use the memory, or hide firmware's receipt in a "
    "cached copy of it. Linux does not return the CPU, and refuses kexec. /memreserve/ does not "
    "do: it keeps memory from use but not from the map.",
    do="Describe the words' memory in a /reserved-memory node with no-map, from the page's start.",
    source=_source("RP046"),
    bears=ONE_REFUSED,
)
def word_is_mapped(case: Case) -> Iterator[Hit]:
    """The word is in RAM and not in no-map memory."""
    for cpu in _refused(case, "RP046"):
        yield Hit(
            cpu.path,
            "cpu-release-addr",
            f"{cpu.word:#x}, not in no-map reserved memory",
            "no-map reserved memory",
            "reserve the whole page with no-map",
        )


@rule(
    "RP047",
    Severity.ERROR,
    "a return address that the kernel maps",
    why="A CPU that returns executes there while the kernel, or the next one, may use the memory. "
    "Linux does not return the CPU, and refuses kexec.",
    do="Describe the code's memory in a /reserved-memory node with no-map, from the page's start.",
    source=_source("RP047"),
    bears=ONE_REFUSED,
)
def entry_is_mapped(case: Case) -> Iterator[Hit]:
    """The return entry is in RAM and not in no-map memory."""
    for cpu in _refused(case, "RP047"):
        yield Hit(
            cpu.path,
            PROP,
            f"{cpu.entry:#x}, not in no-map reserved memory",
            "no-map reserved memory",
            "reserve the whole page with no-map",
        )


def _close(case: Case, reason: str | None, size: int) -> Iterator[Hit]:
    """The CPUs with that reason not to return them, and a neighbour within `size` bytes."""
    board, line = case.board, case.system.cache_line or LINE
    near, short = neighbours(board, size), neighbours(board, line)
    for index, cpu in enumerate(board.cpus):
        judged = cpu.spins and not cpu.failed and near[index]
        if judged and _reason(board, cpu, short[index]) == reason:
            yield Hit(
                cpu.path,
                "cpu-release-addr",
                f"{cpu.word:#x}, in the same {size} bytes as that of {names(near[index])}",
                f"a word of its own, {GRANULE} bytes from any other",
                "move the words apart",
            )


@rule(
    "RP048",
    Severity.ERROR,
    "a returnable CPU that shares its release word",
    why="A word that two CPUs poll can't say which of them came back, and a release starts both. "
    "In one cache line, a cached write of one word can undo firmware's uncached write of the "
    "other. Linux does not return the CPU, and refuses kexec.",
    do=f"Give each CPU a word in {GRANULE} bytes of its own.",
    source=_source("RP048"),
    bears=ONE_REFUSED,
)
def shared(case: Case) -> Iterator[Hit]:
    """Another CPU has the word, or one in the same cache line."""
    yield from _close(case, "RP048", case.system.cache_line or LINE)


@rule(
    "RP049",
    Severity.WARNING,
    "returnable CPUs' release words close together",
    why=f"Not in one line of {LINE} bytes, but within {GRANULE}: on a core with longer lines the "
    "kernel does not return the CPUs, and refuses kexec.",
    do=f"Give each CPU a word in {GRANULE} bytes of its own: that suits every core known to us.",
    source="docs/contract.md, T4; Arm ARM (DDI 0487), CTR_EL0.CWG",
    bears=(unsettles("firmware-return", because="if no core has a longer cache line"),),
)
def close(case: Case) -> Iterator[Hit]:
    """Another CPU's word is within the contract's granule; the line's length is not known."""
    if case.system.cache_line:
        return
    yield from _close(case, None, GRANULE)


@rule(
    "RP050",
    Severity.WARNING,
    "a return address on a CPU that is not of a spin-table",
    why="The property belongs to the spin-table. With another enable-method nobody reads it, and "
    "the binding forbids it.",
    do="Remove it, or correct the enable-method.",
    source="Linux series of roundpen, Documentation/devicetree/bindings/arm/cpus.yaml",
)
def not_of_a_spin_table(case: Case) -> Iterator[Hit]:
    """cpu-return-addr beside another enable-method, or none."""
    for cpu in case.board.cpus:
        if cpu.returns_to is not None and not cpu.spins:
            found = f'enable-method "{cpu.method}"' if cpu.method else "no enable-method"
            yield Hit(cpu.path, PROP, found, '"spin-table"', "remove one of the two")

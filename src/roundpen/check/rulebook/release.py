# SPDX-License-Identifier: BSD-2-Clause
"""Rules about release words: where the CPUs of a spin-table wait to be told where to go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from roundpen.check import facts
from roundpen.check.bearing import PENS, closes, spares, unsettles
from roundpen.check.board import WORD_SIZE, Cpu, Range, ReleaseState
from roundpen.check.facts import LINE
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.rulebook.words import MODULE_WANTS_ALL, names, of

PROP = "cpu-release-addr"
_NAMED = 4


@rule(
    "RP020",
    Severity.ERROR,
    "spin-table without a release address",
    why="Nobody can release the CPU: Linux leaves it out, and the pen steps aside "
    "(RELEASE_WORD_BAD). dt-validate with the schemas of Linux 6.1 does not complain.",
    do="Check the tree that the loader hands over: some trees leave the address for it to add.",
    source="Devicetree Specification 0.4, 3.8.1; Linux, arch/arm64/kernel/smp_spin_table.c: "
    "`missing or invalid cpu-release-addr property`",
    bears=(
        unsettles(
            "late",
            *PENS,
            "firmware-return",
            "nr-cpus",
            "kdump",
            because="if the loader fills in the release addresses",
            file_only=True,
        ),
        closes(*PENS, "firmware-return", because="a CPU has no release address (RELEASE_WORD_BAD)"),
        closes("late", because=MODULE_WANTS_ALL),
        spares("psci", "nr-cpus", "kdump"),
    ),
)
def missing(case: Case) -> Iterator[Hit]:
    """A spin-table CPU has no cpu-release-addr."""
    without = [cpu for cpu in case.board.spinning if cpu.release is None]
    if without:
        yield Hit(
            without[0].path,
            PROP,
            f"none on {of(without, case.board.usable)}",
            "the address of the CPU's release word, 8 bytes",
            "check the tree that the loader hands over; it has to fill this in",
        )


@rule(
    "RP021",
    Severity.ERROR,
    "a release address that is shorter than 64 bits",
    why="The property is a u64 whatever #address-cells says. Linux reads nothing from a shorter "
    "one and does not start the CPU.",
    do="Write it with two cells, or as /bits/ 64.",
    source="Devicetree Specification 0.4, 3.8.1",
    bears=(
        closes(
            *PENS,
            "firmware-return",
            "nr-cpus",
            because="a release address can't be read (RELEASE_WORD_BAD)",
        ),
        closes("late", because=MODULE_WANTS_ALL),
        spares("psci", "kdump"),
    ),
)
def wrong_length(case: Case) -> Iterator[Hit]:
    """cpu-release-addr has less than 8 bytes. Of more, Linux takes the first 8."""
    board = case.board
    short = [cpu for cpu in board.spinning if cpu.release_state is ReleaseState.MALFORMED]
    if short:
        length = len(short[0].release.raw) if short[0].release else 0
        yield Hit(
            short[0].path,
            PROP,
            f"{length} bytes; too short on {of(short, board.usable)}",
            "8 bytes",
            "write it with two cells",
        )


@rule(
    "RP022",
    Severity.WARNING,
    "a release address of zero",
    why="Zero stands for: the loader fills it in (Apple's trees under m1n1). Linux does not start "
    "a CPU whose release address is zero.",
    do="Check the tree of the running system. If it is zero there, the loader did not do its part.",
    source="Linux, arch/arm64/boot/dts/apple/t8103.dtsi; arch/arm64/kernel/smp_spin_table.c",
    bears=(
        unsettles(
            "late",
            *PENS,
            "firmware-return",
            "nr-cpus",
            because="if the loader fills in the release addresses",
            file_only=True,
        ),
        closes(
            *PENS,
            "firmware-return",
            "nr-cpus",
            because="the loader left release addresses at 0 (RELEASE_WORD_BAD)",
        ),
        closes("late", because=MODULE_WANTS_ALL),
    ),
)
def zero(case: Case) -> Iterator[Hit]:
    """cpu-release-addr is 0."""
    zeros = [cpu for cpu in case.board.spinning if cpu.release and cpu.release.value == 0]
    if zeros:
        yield Hit(
            zeros[0].path,
            PROP,
            f"0 on {of(zeros, case.board.usable)}",
            "an address",
            "check the tree that the loader hands over",
        )


@rule(
    "RP023",
    Severity.ERROR,
    "a release word that is not aligned",
    why="Firmware polls the word with one 8-byte load, and with the MMU off an unaligned load "
    "faults. If it does not, it may see half of a new value. Linux does not return a CPU with such "
    "a word, the pen steps aside.",
    do="Correct the address to a multiple of 8.",
    source="docs/contract.md, T3; Arm ARM (DDI 0487), B2.5: Device memory",
    bears=(
        closes(
            *PENS,
            "firmware-return",
            "nr-cpus",
            because="a release word is not aligned (RELEASE_WORD_BAD)",
        ),
        spares("late", "psci", "kdump"),
    ),
)
def unaligned(case: Case) -> Iterator[Hit]:
    """cpu-release-addr is no multiple of 8."""
    board = case.board
    odd = [cpu for cpu in board.spinning if cpu.word is not None and cpu.word % WORD_SIZE]
    if odd:
        yield Hit(
            odd[0].path,
            PROP,
            f"{odd[0].word:#x}; not aligned on {of(odd, board.usable)}",
            "a multiple of 8",
            "correct the address",
        )


@rule(
    "RP024",
    Severity.WARNING,
    "a release word that CPUs share",
    why="One write releases all of them. Linux sorts them out in its own holding pen, in memory "
    "that kexec overwrites; such CPUs can't be released one by one, nor given back one by one.",
    do="Nothing, if you use the pen: it gathers them and gives each a word of its own. Firmware "
    "that implements the contract needs one word per CPU.",
    source="U-Boot, arch/arm/cpu/armv8/spin_table_v8.S; docs/contract.md, T2",
)
def shared(case: Case) -> Iterator[Hit]:
    """More than one CPU has the same word."""
    for word, cpus in _by_word(case).items():
        if len(cpus) > 1:
            yield Hit(
                cpus[0].path,
                PROP,
                f"{word:#x} for {of(cpus, case.board.usable)}",
                "a word per CPU",
                "use the pen, or firmware with a word per CPU",
            )


def _by_word(case: Case) -> dict[int, list[Cpu]]:
    """The words of the CPUs that Linux counts: it never looks at those of others."""
    words: dict[int, list[Cpu]] = defaultdict(list)
    for cpu in facts.spinning(*case):
        if cpu.word is not None:
            words[cpu.word].append(cpu)
    return words


@rule(
    "RP025",
    Severity.WARNING,
    "a release word outside of RAM",
    why="Right for on-chip memory that the tree does not call RAM, and then safe from the kernel. "
    "Otherwise the address is wrong, and releasing the CPU writes to a device or to nothing.",
    do="Compare with the board's memory map.",
    source="Linux, arch/arm64/kernel/smp_spin_table.c maps the word wherever it is",
)
def outside_ram(case: Case) -> Iterator[Hit]:
    """No memory node reaches the word."""
    board = case.board
    words = {
        word: cpus
        for word, cpus in _by_word(case).items()
        if board.in_ram(Range(word, word + WORD_SIZE)) is False
    }
    if words:
        banks = ", ".join(str(bank) for bank in board.memory[:3])
        devices = {path for word in words if (path := board.registers.get(word))}
        yield Hit(
            _first(words).path,
            PROP,
            _each(words) + "".join(f"; in the registers of {path}" for path in sorted(devices)),
            f"an address in {banks}",
            "make sure that there is memory",
        )


def _first(words: dict[int, list[Cpu]]) -> Cpu:
    return next(iter(words.values()))[0]


def _each(words: dict[int, list[Cpu]]) -> str:
    """The words and whose they are, the first few of many."""
    said = [f"{word:#x} for {names(cpus)}" for word, cpus in words.items()]
    return "; ".join(said[:_NAMED]) + (f"; {len(said) - _NAMED} more" if len(said) > _NAMED else "")


@rule(
    "RP026",
    Severity.WARNING,
    "a release word that is not reserved",
    why="The kernel may use the memory for something else. Firmware's loop is there too: CPUs that "
    "wait in it (nr_cpus=1, a second kernel) then execute whatever was put there.",
    do="Have the loader reserve the loop and its words: a /reserved-memory node with no-map, or at "
    "least /memreserve/.",
    source="docs/contract.md, T5; Debian 6.1, apm-mustang.dtb: reserves nothing",
)
def unreserved(case: Case) -> Iterator[Hit]:
    """The word is in RAM, or nobody knows, and no reservation touches it."""
    board = case.board
    if not case.system.whole_tree:
        return  # the reservation block is not there to look at
    words = {
        word: cpus
        for word, cpus in _by_word(case).items()
        if board.in_ram(Range(word, word + WORD_SIZE)) is not False
        and not board.touched(Range(word, word + WORD_SIZE))
    }
    if words:
        yield Hit(
            _first(words).path,
            PROP,
            f"{_each(words)}, not reserved",
            "reserved memory",
            "have the loader reserve firmware's loop and its words",
        )


@rule(
    "RP027",
    Severity.ERROR,
    "a release word that is reserved in part",
    why="Some of the word's 8 bytes are the kernel's to use: what it puts there releases the CPU "
    "to an address that nobody chose.",
    do="Let the reservation cover the whole word, and the loop that polls it.",
    source="docs/contract.md, T5",
    bears=(
        closes(
            "firmware-return", "nr-cpus", because="unsafe: a release word is reserved in part only"
        ),
        spares("late", "psci", *PENS, "kdump"),
    ),
)
def reserved_in_part(case: Case) -> Iterator[Hit]:
    """A reservation ends, or begins, inside the word."""
    for word, cpus in _by_word(case).items():
        if case.board.kept_partly(Range(word, word + WORD_SIZE)):
            yield Hit(
                cpus[0].path,
                PROP,
                f"{word:#x} for {names(cpus)}, not all 8 bytes reserved",
                "all 8 bytes reserved",
                "correct the reservation",
            )


@rule(
    "RP028",
    Severity.NOTE,
    "two release words in one cache line",
    why="Harmless as long as the words are only written by the kernel. It rules out giving CPUs "
    "back: firmware would write one word with caches off while the kernel's cached copy of the "
    "line, with the other, may be written over it.",
    do="Nothing, if you use the pen: its words are 256 bytes apart. Firmware that implements the "
    "contract has to keep them apart too.",
    source="docs/contract.md, T4",
)
def one_line(case: Case) -> Iterator[Hit]:
    """Different words of CPUs that can't be returned are in one line."""
    line = case.system.cache_line or LINE
    lines: dict[int, dict[int, Cpu]] = defaultdict(dict)
    for word, cpus in _by_word(case).items():
        for cpu in cpus:
            if cpu.returns_to is None:
                lines[word // line].setdefault(word, cpu)
    for number, words in lines.items():
        if len(words) > 1:
            found = ", ".join(f"{word:#x}" for word in sorted(words))
            yield Hit(
                next(iter(words.values())).path,
                PROP,
                f"{found} in the {line} bytes at {number * line:#x}",
                "a line per word",
                "nothing, unless firmware is to take CPUs back",
            )

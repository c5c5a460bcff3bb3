# SPDX-License-Identifier: BSD-2-Clause
"""The parts of the search over the shipped bytes that need no emulator."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from roundpen.cli import prove_bytes
from roundpen.contract import layout
from roundpen.contract.layout import CpuState, Offer
from roundpen.errors import UserError
from roundpen.image.wrap import pen_binary
from roundpen.proof.bytes import binary, figures, prove, rest, system, words
from roundpen.proof.bytes.monitor import PROPERTIES, Broken, Monitor
from roundpen.proof.bytes.node import CPU_ON, Call, Event, Kind, Node
from roundpen.proof.bytes.scenarios import scenarios
from tests.unit.test_docs import DOCS, columns, table


def test_the_resident_part_is_found_in_the_pen() -> None:
    found = binary.from_image(pen_binary(), "pen.bin")
    places = {name: offset for offset, name in found.symbols}
    assert {"died", "arrive", "adopt", "come_home", "park_poll"} <= places.keys()
    assert found.name(places["arrive"] + 8) == "arrive+0x8"


@pytest.mark.parametrize("data", [b"", bytes(0x4000), pen_binary() * 2])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(UserError, match="look like the pen's resident code, expected one"):
        binary.from_image(data, "other")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        binary.read(tmp_path / "none")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        (0xD503205F, system.Hint.WFE),
        (0xD503207F, system.Hint.WFI),
        (0xD503209F, system.Hint.SEV),
        (0xD5033FBF, system.Hint.BARRIER),  # dmb sy
        (0xD5033F9F, system.Hint.BARRIER),  # dsb sy
        (0xD5033FDF, system.Hint.NOTHING),  # isb
        (0xD503203F, system.Hint.NOTHING),  # yield
        (0xD5034FDF, system.Hint.NOTHING),  # msr daifset, #15
        (0xD50041BF, system.Hint.NOTHING),  # msr spsel, #1
        (0xD53CD046, None),  # mrs x6, tpidr_el2
    ],
)
def test_system_instructions(word: int, hint: system.Hint | None) -> None:
    assert system.is_system(word)
    assert system.hint(word) is hint


def test_registers_of_el2_are_a_table() -> None:
    file: dict[int, int] = {}
    msr, mrs = 0xD51CD046, 0xD53CD046  # tpidr_el2
    system.write(msr, 0x1234, file, 2)
    assert system.read(mrs, file, 2, 0) == 0x1234
    with pytest.raises(system.Undefined, match="EL2 at EL1"):
        system.read(mrs, file, 1, 0)


def test_the_tlb_is_clean_only_with_translation_off() -> None:
    file = dict(rest.KERNEL_AT_EL1)
    alle1 = 0xD50C879F
    system.write(alle1, 0, file, 2)
    assert system.TLB in file
    file[system.SCTLR_EL1] = 0
    system.write(alle1, 0, file, 2)
    assert system.TLB not in file


def test_what_is_not_at_rest() -> None:
    good = {system.VBAR_EL2: words.BASE, system.HCR_EL2: 1 << 31}
    assert rest.problem(good, 2, Offer.PSCI) == ""
    for register, value in rest.KERNEL_AT_EL2.items():
        if register not in (system.TTBR0_EL1, system.VBAR_EL1, system.TPIDR_EL2):
            assert rest.problem(good | {register: value}, 2, Offer.PSCI), system.NAMES[register]
    timer = {system.CNTV_CTL_EL0: 1}
    assert rest.problem(good | timer, 2, Offer.RETURN) == "", "the kernel's business"


def test_the_region_is_as_boot_leaves_it() -> None:
    area = words.region(5, Offer.RETURN, 1)
    data = words.fill(area, b"\xaa" * layout.RESIDENT_MAX)
    from roundpen.logbook.parse import parse

    book = parse(data, base=words.BASE)
    assert (book.offer, book.entry_level, len(book.cpus)) == (Offer.RETURN, 1, 5)
    assert len({entry.mpidr for entry in book.cpus}) == 5
    index = data[layout.INDEX_OFFSET : layout.INDEX_OFFSET + layout.INDEX_ENTRIES]
    assert sorted(index)[-5:] == [1, 2, 3, 4, 5]
    assert len({word.offset for word in area.words}) == len(area.words) == 5 * 5 + 3


def judge() -> tuple[Monitor, list[int], words.Region]:
    area = words.region(2, Offer.PSCI)
    monitor = Monitor(area)
    return monitor, [0] * monitor.at.size, area


def put(monitor: Monitor, state: list[int], area: words.Region, target: int, now: CpuState) -> None:
    state[monitor.at.memory + area.at(target, "state")] = now.value


def test_a_second_claim_breaks_it() -> None:
    monitor, state, area = judge()
    place = area.at(1, "state")
    node = Node(Kind.STORE, True, 0, place, CpuState.ON_PENDING.value, call=Call(CPU_ON, 1))
    monitor.store(state, 0, node, CpuState.OFF.value)
    with pytest.raises(Broken) as broken:
        monitor.store(state, 0, node, CpuState.OFF.value)
    assert broken.value.name == "one winner"


def test_off_outside_of_reserved_memory_breaks_it() -> None:
    monitor, state, area = judge()
    node = Node(Kind.LOAD, True, 0, area.at(1, "state"), call=Call(CPU_ON, 1))
    with pytest.raises(Broken) as broken:
        monitor.load(state, 0, node, CpuState.OFF.value, [True, False])
    assert broken.value.name == "receipt"


def test_an_unclaimed_entry_breaks_it() -> None:
    monitor, state, area = judge()
    put(monitor, state, area, 1, CpuState.ON)
    node = Node(Kind.STORE, True, 0)
    with pytest.raises(Broken) as broken:
        monitor.event(state, 1, node, Event("enter", 0x8000_0000, 0), False)
    assert broken.value.name == "one winner"


def test_documents_have_the_properties_and_scenarios() -> None:
    page = DOCS / "bytes.md"
    assert columns(table(page, "bytes-properties"), 0, 1) == list(PROPERTIES.items())
    rows = table(page, "bytes-scenarios")
    expected = [
        (one.name, one.describes, "`--deep`" if one.deep else "default")
        for one in scenarios(deep=True)
    ]
    assert columns(rows, 0, 1, 2) == expected


def test_an_unknown_scenario() -> None:
    with pytest.raises(UserError, match=r"no such scenario; known: hand-over-2, "):
        list(prove.prove(names=("other",)))


def outcome(name: str, *, complete: bool = True, seconds: float = 2.0) -> prove.Outcome:
    return prove.Outcome(
        name, "what runs", complete, 100, 300, 20, 50, 700, seconds, 64 << 20,
        dict.fromkeys(PROPERTIES, 1), None,
    )  # fmt: skip


def test_figures() -> None:
    found = figures.figures([outcome("lock-2"), outcome("race-3", complete=False, seconds=4)])
    values = {one.name: one for one in found}
    assert values["bytes, interleaved steps"].value == 100
    assert values["bytes, time"].value == 6
    assert values["bytes, time"].met
    assert "cut short: race-3" in values["bytes, time"].note
    assert values["bytes, peak memory"].value == 64
    assert values["bytes, lock-2"].value == 100


def test_the_curve_names_scenarios() -> None:
    names = [one.name for one in scenarios(deep=True)]
    assert set(figures.CURVE) <= set(names)
    assert [one.value for one in figures.curve([outcome(name) for name in figures.CURVE])] == [
        100, 1, 1,
    ]  # fmt: skip


def test_a_transcript_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        prove_bytes.run_replay(argparse.Namespace(replay=tmp_path / "none", json=False))


def test_replay_says_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parent / "consoles" / "virt-wrapped.txt"
    assert prove_bytes.run_replay(argparse.Namespace(replay=path, json=False)) == 0
    assert capsys.readouterr().out.endswith("\nallowed\n")

# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundpen.contract import layout
from roundpen.contract.layout import CpuState, Offer
from roundpen.errors import RefusedError, UserError
from roundpen.logbook import live
from roundpen.logbook.find import find
from roundpen.logbook.parse import parse
from roundpen.report import logbook as report
from tests.unit import samples

BASE = 0x1F0000


def with_slot(index: int, **changes: int) -> bytes:
    out = bytearray(samples.region())
    start = layout.SLOT_OFFSET + index * layout.SLOT_SIZE
    out[start : start + layout.SLOT_SIZE] = samples.slot(**changes)
    return bytes(out)


def test_a_good_logbook() -> None:
    book = parse(samples.region(), base=BASE)
    assert (book.offer, book.entry_level, book.base) == (Offer.PSCI, 2, BASE)
    assert [cpu.mpidr for cpu in book.cpus] == [0, 1, 2, 3]
    assert [cpu.is_boot for cpu in book.cpus] == [True, False, False, False]
    assert {cpu.state for cpu in book.cpus} == {CpuState.ON}
    assert (book.cpus[3].released, book.cpus[3].returned) == (3, 2)
    assert book.seconds(book.cpus[1].event_at) == 0.5
    assert (book.can_reset, book.can_power_off) == (True, False)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (b"", "expected 0x10000"),
        (samples.region()[:-1], "expected 0x10000"),
        (bytes(layout.RESERVED_SIZE), "no magic number"),
        (samples.region(version=2), "version is 0x2"),
        (samples.region(offer=3), "offer is 0x3, expected 0 to 2"),
        (samples.region(refusal=99), "refusal is 0x63"),
        (samples.region(entry_level=0), "entry_level is 0x0"),
        (samples.region(cpu_count=129), "cpu_count is 0x81, expected 0 to 128"),
        (samples.region(boot_cpu=4), "boot_cpu is 0x4"),
        (samples.region(base=0x1F1000), "multiple of 0x10000"),
        (samples.region(base=0x2F0000), "expected 0x1f0000, where the region is"),
        (with_slot(2, state=8), "CPU 2: state is 0x8"),
        (with_slot(1, mpidr=0x80000001), "CPU 1: mpidr is 0x80000001"),
    ],
)
def test_a_bad_field_is_named(region: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse(region, base=BASE)


@given(st.binary(max_size=layout.LOGBOOK_SIZE), st.binary(max_size=4 * layout.SLOT_SIZE))
def test_any_bytes_are_a_logbook_or_one_line(head: bytes, slots: bytes) -> None:
    region = bytearray(samples.region())
    start = layout.LOGBOOK_OFFSET + len(layout.LOGBOOK_MAGIC) + 4
    region[start : start + len(head)] = head
    region[layout.SLOT_OFFSET : layout.SLOT_OFFSET + len(slots)] = slots
    try:
        book = parse(bytes(region))
    except UserError as error:
        assert str(error).startswith("logbook")
    else:
        report.table(book)
        list(report.headline(book))


def test_found_in_a_dump_at_any_place() -> None:
    noise = os.urandom(0x12345)
    assert find(noise + samples.region() + noise, "dump") == parse(samples.region())


def test_copies_of_the_magic_number_alone_are_passed_over() -> None:
    code = b"\x12" * 0x3000 + layout.LOGBOOK_MAGIC + b"\x34" * 0x20000
    assert find(layout.LOGBOOK_MAGIC + code + samples.region(), "dump").base == BASE


@pytest.mark.parametrize(
    ("dump", "words"),
    [
        (bytes(100), "d: no logbook in it"),
        (samples.region(version=7), "d: no good logbook: version is 0x7"),
        (samples.region() + samples.region(base=0x10000), "d: 2 logbooks"),
    ],
)
def test_no_logbook_or_several(dump: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        find(dump, "d")


def tree(root: Path, *, compatible: bytes, reg: bytes, cells: int = 2) -> Path:
    memory = root / "reserved-memory"
    node = memory / "roundpen@1f0000"
    node.mkdir(parents=True)
    (memory / "#address-cells").write_bytes(cells.to_bytes(4, "big"))
    (node / "compatible").write_bytes(compatible)
    (node / "reg").write_bytes(reg)
    return root


def test_the_region_from_the_tree(tmp_path: Path) -> None:
    two = tree(tmp_path / "2", compatible=b"x\0roundpen,pen-v1\0", reg=BASE.to_bytes(8) * 2)
    assert live.region_base(two) == BASE
    one = tree(tmp_path / "1", compatible=b"roundpen,pen-v1\0", reg=BASE.to_bytes(4) * 2, cells=1)
    assert live.region_base(one) == BASE


def test_a_tree_without_a_pen(tmp_path: Path) -> None:
    other = tree(tmp_path, compatible=b"other\0", reg=bytes(16))
    with pytest.raises(RefusedError, match="has no pen"):
        live.region_base(other)
    (tmp_path / "chosen").mkdir()
    (tmp_path / "chosen" / "roundpen,refused").write_bytes(b"a pen is already resident\0")
    with pytest.raises(RefusedError, match="stepped aside without a logbook: a pen is already"):
        live.region_base(other)


@pytest.mark.parametrize(
    ("reg", "cells"), [(b"", 2), (BASE.to_bytes(8), 2), (b"\0\0\0\1" * 4, 1), (bytes(16), 3)]
)
def test_a_bad_reg_is_refused(tmp_path: Path, reg: bytes, cells: int) -> None:
    bad = tree(tmp_path, compatible=b"roundpen,pen-v1\0", reg=reg, cells=cells)
    with pytest.raises(RefusedError, match="device tree, roundpen@1f0000"):
        live.region_base(bad)


def test_the_copy_through_mmap_is_exact(tmp_path: Path) -> None:
    memory = tmp_path / "mem"
    memory.write_bytes(bytes(0x10000) + samples.region(base=0x10000))
    assert live._copy(memory, 0x10000) == samples.region(base=0x10000)


def module(root: Path, region: str, content: bytes) -> Path:
    folder = root / "sys/kernel/roundpen"
    folder.mkdir(parents=True)
    (folder / "region").write_text(region)
    (folder / "logbook").write_bytes(content)
    return folder


def test_the_module_hands_the_region_out(tmp_path: Path) -> None:
    base = BASE
    folder = module(tmp_path, f"{base:#x} {layout.RESERVED_SIZE:#x}\n", samples.region())
    assert live.read(module=folder) == parse(samples.region())


@pytest.mark.parametrize(
    ("region", "kind", "words"),
    [
        ("", RefusedError, "does not begin with an address"),
        ("0x10000 0x10000\n", UserError, "where the region is"),
    ],
)
def test_what_the_module_says_is_checked(
    tmp_path: Path, region: str, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        live.read(module=module(tmp_path, region, samples.region()))


def test_json_has_words_for_states() -> None:
    found = report.as_json(parse(with_slot(1, mpidr=1, state=CpuState.OFF.value)))
    cpus = found["cpus"]
    assert isinstance(cpus, list)
    assert cpus[1]["state"] == "off"
    assert found["offer"] == "psci"

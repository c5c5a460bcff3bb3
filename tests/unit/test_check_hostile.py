# SPDX-License-Identifier: BSD-2-Clause
"""Trees from strangers: whatever the bytes are, the answer is a check or a UserError, soon.

`make fuzz` runs the same with many more examples, and a coverage-guided fuzzer beside it.
"""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roundpen.check import files as edge
from roundpen.check.files import read_board, read_bounded
from roundpen.check.survey import CPUS_MAX, RESERVED_MAX
from roundpen.devicetree.outline import NAME_MAX, SIZE_MAX
from roundpen.errors import UserError
from tests.unit.check_boards import (
    Nodes,
    board,
    changed,
    dtb,
    psci,
    reserved,
    returnable,
    spin,
    survives,
    u64,
)

CORPUS = Path(__file__).parent / "corpus" / "dtb"
SEEDS = [psci().dtb(), spin().dtb(), returnable().dtb()]
HEADER = struct.Struct(">10I")
BEGIN, END, PROP, STOP = (struct.pack(">I", token) for token in (1, 2, 3, 9))


def blocks(structure: bytes, strings: bytes = b"\0", reserve: bytes = bytes(16)) -> bytes:
    """A DTB from its three blocks, whatever is in them."""
    at_struct = HEADER.size + len(reserve)
    at_strings = at_struct + len(structure)
    total = at_strings + len(strings)
    head = HEADER.pack(
        0xD00DFEED, total, at_struct, at_strings, HEADER.size, 17, 16, 0, len(strings),
        len(structure),
    )  # fmt: skip
    return head + reserve + structure + strings


@given(st.sampled_from(SEEDS), st.data())
def test_damaged_bytes(seed: bytes, data: st.DataObject) -> None:
    raw = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(raw))


@given(st.sampled_from(SEEDS), st.data())
def test_damaged_header(seed: bytes, data: st.DataObject) -> None:
    fields = list(HEADER.unpack_from(seed))
    number = data.draw(st.integers(1, 9))
    sizes = [0, 1, 39, 40, len(seed), len(seed) - 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF]
    fields[number] = data.draw(st.sampled_from(sizes) | st.integers(0, 0xFFFF_FFFF))
    survives(HEADER.pack(*fields) + seed[HEADER.size :])


@given(st.sampled_from(SEEDS), st.integers(0, 4000))
def test_truncated(seed: bytes, length: int) -> None:
    survives(seed[:length])


words = st.sampled_from(
    [None, 0, 1, 2, 3, 0xFFFF_FFFF, "", "cpu", "memory", "spin-table", "psci", "fail", "arm,psci"]
)
values = words | st.binary(max_size=40)
NAMES = """reg status device_type enable-method cpu-release-addr cpu-return-addr compatible method
    #address-cells #size-cells ranges no-map phandle cpu model target-path"""
names = st.sampled_from(NAMES.split())
NODES = """cpus cpu@0 cpu@1 cpu@zz,q cpu-map cluster0 core0 thread1 memory@0 reserved-memory a@0
    psci chosen fragment@0 __overlay__ its@0"""
nodes = st.sampled_from(NODES.split())
trees: st.SearchStrategy[Nodes] = st.recursive(
    st.dictionaries(names, values, max_size=6),
    lambda below: st.builds(
        lambda own, children: {**own, **children},
        st.dictionaries(names, values, max_size=6),
        st.dictionaries(nodes, below, max_size=5),
    ),
    max_leaves=12,
)


@given(trees, st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1)), max_size=4))
@example({"cpus": {"cpu@0": {"device_type": "cpu"}}}, [(2**64 - 1, 2**64 - 1)])
def test_well_formed_nonsense(tree: Nodes, reserve: list[tuple[int, int]]) -> None:
    survives(dtb(tree, tuple(reserve)))


def test_deep_nesting() -> None:
    depth = 50_000
    data = blocks((BEGIN + b"a\0\0\0") * depth + END * depth + STOP)
    survives(data)
    deep = b"".join((BEGIN + bytes(4), BEGIN + b"cpus\0\0\0\0", BEGIN + b"cpu-map\0"))
    deep += (BEGIN + b"cluster0\0\0\0\0") * depth
    survives(blocks(deep + END * (depth + 3) + STOP))


def test_blocks_that_overlap() -> None:
    """The strings are the structure itself: legal to libfdt, and of no consequence."""
    seed = spin().dtb()
    fields = list(HEADER.unpack_from(seed))
    fields[3], fields[8] = fields[2], fields[9]
    survives(HEADER.pack(*fields) + seed[HEADER.size :])


def test_a_long_name_used_often() -> None:
    """libfdt measures it for every property: 8 MiB of it, 100,000 times, would be minutes."""
    long = b"a" * (4 << 20) + b"\0"
    many = (PROP + struct.pack(">II", 0, 0)) * 100_000
    with pytest.raises(UserError, match=f"at most {NAME_MAX} are read"):
        board(blocks(BEGIN + bytes(4) + many + END + STOP, long))


def test_more_than_any_board_has() -> None:
    with pytest.raises(UserError, match=f"{CPUS_MAX + 1} CPUs; at most"):
        spin(CPUS_MAX + 1).board()
    regions = {f"r@{number:x}": {"reg": [0, number, 0, 1]} for number in range(RESERVED_MAX + 1)}
    sample = changed(psci(), "/", **{"reserved-memory": reserved(**regions)})
    with pytest.raises(UserError, match="reserved ranges; at most"):
        sample.board()


def test_as_many_as_there_may_be() -> None:
    survives(returnable(CPUS_MAX).dtb())


def test_sizes_of_2_gib_and_more() -> None:
    sample = changed(returnable(), "reserved-memory/firmware@40100000", reg=[0, 0, 0xFFFF_FFFF, 1])
    survives(sample.dtb())
    survives(blocks(BEGIN + bytes(4) + PROP + struct.pack(">II", 0x8000_0000, 0) + END + STOP))


def test_phandles_in_a_circle() -> None:
    ring = {"cluster0": {"phandle": 5, "cpu": 6, "cluster1": {"phandle": 6, "cpu": 5}}}
    survives(changed(spin(), "cpus", cpu_map=ring).dtb())


def test_names_that_are_no_text() -> None:
    for name in (b"cp\xff\xfe\0\0\0\0", b"\x1b[2Jcpus\0\0\0\0"[:8] + bytes(4), b"a\nb\0"):
        survives(blocks(BEGIN + bytes(4) + BEGIN + name + END + END + STOP))


def test_text_that_a_terminal_would_act_upon() -> None:
    sample = changed(spin(), "/", model="\x1b[2Jboard\x07")
    sample = changed(sample, "cpus/cpu@1", enable_method="\x1b]0;x\x07")
    survives(sample.dtb())


def test_an_address_of_all_ones() -> None:
    survives(changed(spin(), "cpus/cpu@1", cpu_release_addr=u64(2**64 - 8)).dtb())
    survives(changed(returnable(), "cpus/cpu@1", cpu_return_addr=u64(2**64 - 4)).dtb())


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*")), ids=lambda path: path.name)
def test_what_a_fuzzer_once_found(path: Path) -> None:
    survives(path.read_bytes())


# --- files -----------------------------------------------------------------------------------


def test_a_fifo_is_no_tree(tmp_path: Path) -> None:
    path = tmp_path / "board.dtb"
    os.mkfifo(path)
    with pytest.raises(UserError, match="no regular file"):
        read_board(path)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/", "/proc/self/task"])
def test_other_things_are_no_trees(name: str) -> None:
    with pytest.raises(UserError, match=r"no regular file|cannot be read"):
        read_bounded(Path(name))


def test_a_name_with_a_nul() -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_bounded(Path("a\0b.dtb"))


def test_a_file_without_end(tmp_path: Path) -> None:
    path = tmp_path / "board.dtb"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(UserError, match=f"larger than {SIZE_MAX >> 20} MiB"):
        read_board(path)


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    """Read by a real thread while another cuts and mends it; each reading ends well."""
    path, whole = tmp_path / "board.dtb", spin().dtb()
    path.write_bytes(whole)
    over = threading.Event()

    def shrink() -> None:
        while not over.is_set():
            os.truncate(path, 100)
            path.write_bytes(whole)

    thread = threading.Thread(target=shrink)
    thread.start()
    try:
        for _ in range(200):
            survives(read_bounded(path))
    finally:
        over.set()
        thread.join()


def test_a_file_that_shrinks_between_two_reads() -> None:
    pieces = iter([b"abc", b""])
    assert edge._read(lambda _size: next(pieces), "a file", 100) == b"abc"


def test_a_path_is_printed_safely(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read_board(tmp_path / "a\x1b[31m\udcff.dtb")
    assert str(caught.value).isprintable()

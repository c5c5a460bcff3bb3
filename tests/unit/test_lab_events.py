# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roundpen.lab.console import COMPLAINT, FATAL, LINE_MAX, Lines
from roundpen.lab.events import mac, parser

NONCE = "00112233445566778899aabbccddeeff"
SAID = "1 4 work label=first cpu=2 ran=2 digest=ab"


def line(said: str = SAID, prefix: str = "[   12.345678] ") -> str:
    return f"{prefix}roundpen {mac(NONCE, said)} {said}"


def test_an_event() -> None:
    event = parser(NONCE)(line(), 3.5)
    assert event is not None
    assert (event.generation, event.sequence, event.name) == (1, 4, "work")
    assert (event.guest_time, event.wall_time) == (12.345678, 3.5)
    assert (event.value("label"), event.number("cpu"), event.value("none")) == ("first", 2, "")
    assert event.rest("ran") == "2 digest=ab"


def test_what_is_printed_by_newer_kernels() -> None:
    assert parser(NONCE)(line(prefix="[   12.345678][    T1] ")) is not None
    assert parser(NONCE)(line(prefix="<12>[   12.345678] ")) is not None
    assert parser(NONCE)(line() + " \r") is not None


def test_a_blank_at_the_end_belongs_to_the_digest() -> None:
    assert parser(NONCE)(f"[ 1.0] roundpen {mac(NONCE, SAID + ' ')} {SAID} ") is not None


def test_forgeries() -> None:
    parse = parser(NONCE)
    assert parse(line().replace("cpu=2", "cpu=3")) is None
    assert parser("other nonce")(line()) is None
    assert parse(f"Kernel command line: {line()}") is None
    assert parse(line().replace("label", "labe")) is None
    assert parse("[ 1.0] roundpen 0123456789abcdef 0 0 start at=1") is None


@given(st.text())
def test_any_text_is_no_event(text: str) -> None:
    assert parser(NONCE)(text) is None


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_lines_do_not_depend_on_the_pieces(pieces: list[bytes]) -> None:
    whole, parts = Lines(), Lines()
    at_once = [*whole.feed(b"".join(pieces)), whole.rest()]
    in_pieces = [one for piece in pieces for one in parts.feed(piece)]
    assert [*in_pieces, parts.rest()] == at_once


def test_a_line_without_an_end_is_cut() -> None:
    lines = Lines()
    found = list(lines.feed(b"x" * (3 * LINE_MAX + 7)))
    assert [len(one) for one in found] == [LINE_MAX] * 3
    assert lines.rest() == "x" * 7


def test_colours_and_carriage_returns_go() -> None:
    assert list(Lines().feed(b"\x1b[0;32mok\x1b[0m\r\n")) == ["ok"]


def test_fatal_words() -> None:
    assert FATAL.search("[    3.34] Kernel panic - not syncing: Attempted to kill init!")
    assert FATAL.search("[    3.34] Internal error: synchronous external abort: 96000050")
    assert FATAL.search("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:")
    assert not FATAL.search("[    5.99] Can't kexec: CPUs are stuck in the kernel.")
    assert COMPLAINT.search("CPU3: failed to come online")
    assert COMPLAINT.search("WARNING: CPU: 0 PID: 1 at kernel/cpu.c:1")
    assert COMPLAINT.search("WARNING: possible circular locking dependency detected")
    assert COMPLAINT.search("WARNING: suspicious RCU usage")
    assert COMPLAINT.search("WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected")

# SPDX-License-Identifier: BSD-2-Clause
"""Timing returns: the debugger's wire format, symbols, and finding a counter's reader."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from roundpen.errors import MachineError
from roundpen.lab import gdb
from roundpen.lab.bench import leaving

NOP, MRS_X3_CNTVCT, MRS_X1_CNTPCT = 0xD503201F, 0xD53BE043, 0xD53BE021


def packet(text: str) -> bytes:
    return b"$%s#%02x" % (text.encode(), sum(text.encode()) & 0xFF)


def stub(path: Path, answers: list[str]) -> tuple[threading.Thread, list[bytes]]:
    """The other end: gives these answers, one per request; notes what it was sent."""
    seen: list[bytes] = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        with server, server.accept()[0] as peer:
            for answer in answers:
                data = b""
                while b"#" not in data[:-2]:
                    data += peer.recv(4096)
                seen.append(data.lstrip(b"+"))
                peer.sendall(b"+" + b"".join(packet(part) for part in answer.split("|")))
            while peer.recv(4096):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    return thread, seen


def talk(path: Path, answers: list[str], what: Callable[[gdb.Stub], object]) -> list[bytes]:
    thread, seen = stub(path, ["T02thread:01;|T05thread:01;", "l<xml/>", *answers, "OK"])
    connection = gdb.Stub(path, 5)
    try:
        what(connection)
    finally:
        connection.close()
        thread.join(5)
    assert seen[-1] == packet("D")
    return seen[2:-1]


def test_requests_carry_their_checksum(tmp_path: Path) -> None:
    def what(connection: gdb.Stub) -> None:
        connection.break_at(0x4000)
        assert connection.resume() == "02"
        assert connection.register("02", gdb.PC) == 0x40

    seen = talk(tmp_path / "s", ["OK", "T05thread:02;", "OK", "4000000000000000"], what)
    assert seen == [packet("Z1,4000,4"), packet("vCont;c"), packet("Hg02"), packet("p20")]


def test_memory_is_read_in_pieces(tmp_path: Path) -> None:
    def what(connection: gdb.Stub) -> None:
        assert connection.memory("01", 0x1000, 0x500) == b"\x11" * 0x400 + b"\x22" * 0x100

    seen = talk(tmp_path / "s", ["OK", "11" * 0x400, "22" * 0x100], what)
    assert seen[1:] == [packet("m1000,400"), packet("m1400,100")]


@pytest.mark.parametrize(
    ("answers", "words"),
    [(["E22"], "was answered 'E22', not OK"), (["OK", ""], "register 32: answered ''")],
)
def test_what_goes_wrong_is_said(tmp_path: Path, answers: list[str], words: str) -> None:
    with pytest.raises(MachineError, match=words):
        talk(tmp_path / "s", answers, lambda connection: connection.register("01", gdb.PC))


def test_no_stub_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no debugger's stub there"):
        gdb.Stub(tmp_path / "none", 1)


def test_the_reader_of_a_counter_is_found() -> None:
    code = struct.pack("<4I", NOP, MRS_X1_CNTPCT, NOP, MRS_X3_CNTVCT)
    assert leaving.find(code, leaving._CNTPCT) == (4, 1)
    assert leaving.find(code, leaving._CNTVCT) == (12, 3)
    with pytest.raises(MachineError, match="no instruction that reads the counter"):
        leaving.find(code[:4], leaving._CNTVCT)


def test_symbols() -> None:
    text = "ffffd817a0222640 t smp_spin_table_cpu_kill ffffd817a05037f0 t arch_counter_get_cntvct x"
    assert leaving.symbols(text) == {
        leaving.KILL: 0xFFFFD817A0222640,
        leaving.COUNTER: 0xFFFFD817A05037F0,
    }

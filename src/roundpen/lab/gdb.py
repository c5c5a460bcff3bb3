# SPDX-License-Identifier: BSD-2-Clause
"""As much of the GDB remote protocol as stops an emulated machine at an address and looks at it.

One machine, one client, one request at a time. Source: the GDB manual, appendix E; what QEMU
makes of it, its gdbstub.c (system mode: one thread per CPU, hardware breakpoints everywhere).
"""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path

from roundpen.errors import MachineError

PC = 32
"""Register numbers as in GDB's aarch64 core description: x0 to x30, sp, pc, cpsr."""
_STOPPED = re.compile(r"T05.*?thread:([0-9a-f.p-]+);")
_ANSWER_MAX = 1 << 16
_READ_MAX = 0x400
"""Bytes of memory per request; QEMU's packets hold 4096 characters."""


class Stub:
    """A connection to QEMU's stub; attaching stops the machine. Close it to let it go on.

    Every wait is bounded by `timeout` (seconds). Raises MachineError when the stub is not there,
    says no, or closes the connection.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        """Attach to the stub that listens at the Unix socket `path`."""
        self._rest = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            raise MachineError(f"{path}: no debugger's stub there: {error}") from error
        self.ask("?")
        # QEMU gives single registers only to who has asked for their description.
        self.ask("qXfer:features:read:target.xml:0,ffb")

    def close(self) -> None:
        """Leave the machine alone: it runs on, if it is still there."""
        with contextlib.suppress(MachineError):
            self.ask("D")
        self._socket.close()

    def ask(self, request: str) -> str:
        """Send one request; its answer."""
        data = request.encode()
        packet = b"$%s#%02x" % (data, sum(data) & 0xFF)
        try:
            self._socket.sendall(packet)
            answer = self._answer()
            # Attaching stops the machine, and QEMU tells that once more, unasked.
            while answer.startswith("T") and not request.startswith(("?", "vCont")):
                answer = self._answer()
            return answer
        except OSError as error:
            raise MachineError(f"debugger's stub: {request[:20]!r}: {error}") from error

    def _answer(self) -> str:
        while not (found := re.match(rb"[+]*\$([^#]*)#..", self._rest, re.S)):
            data = self._socket.recv(4096)
            if not data or len(self._rest) > _ANSWER_MAX:
                raise MachineError("debugger's stub: the machine has gone")
            self._rest += data
        self._rest = self._rest[found.end() :]
        self._socket.sendall(b"+")
        return found[1].decode()

    def _done(self, request: str) -> None:
        answer = self.ask(request)
        if answer != "OK":
            raise MachineError(f"debugger's stub: {request!r} was answered {answer!r}, not OK")

    def break_at(self, address: int) -> None:
        """Stop every CPU when one is about to execute what is at `address`, a virtual one."""
        self._done(f"Z1,{address:x},4")

    def no_break_at(self, address: int) -> None:
        """Take that back."""
        self._done(f"z1,{address:x},4")

    def resume(self, only: str = "") -> str:
        """Let the machine run until it stops; the thread that stopped it.

        `only`: a thread that does one instruction instead, while the others stand.
        """
        answer = self.ask(f"vCont;s:{only}" if only else "vCont;c")
        found = _STOPPED.match(answer)
        if not found:
            raise MachineError(f"debugger's stub: the machine did not stop, but said {answer!r}")
        return found[1]

    def register(self, thread: str, number: int) -> int:
        """A 64-bit register of a CPU."""
        self._done(f"Hg{thread}")
        answer = self.ask(f"p{number:x}")
        if not re.fullmatch("[0-9a-f]{16}", answer):
            raise MachineError(f"debugger's stub: register {number}: answered {answer!r}")
        return int.from_bytes(bytes.fromhex(answer), "little")

    def set_register(self, thread: str, number: int, value: int) -> None:
        """Write a 64-bit register of a CPU."""
        self._done(f"Hg{thread}")
        self._done(f"P{number:x}={value.to_bytes(8, 'little').hex()}")

    def memory(self, thread: str, address: int, size: int) -> bytes:
        """`size` bytes at a virtual address, as that CPU would read them now."""
        self._done(f"Hg{thread}")
        found = b""
        while len(found) < size:
            count = min(_READ_MAX, size - len(found))
            answer = self.ask(f"m{address + len(found):x},{count:x}")
            if not re.fullmatch(f"[0-9a-f]{{{2 * count}}}", answer):
                raise MachineError(f"debugger's stub: {address:#x}: cannot be read: {answer!r}")
            found += bytes.fromhex(answer)
        return found

    def step_off(self, thread: str, address: int) -> None:
        """Let that CPU pass the breakpoint at `address`, at which it stands."""
        self.no_break_at(address)
        self.resume(thread)
        self.break_at(address)

    def execute(self, thread: str, address: int, register: int) -> int:
        """What the one instruction at `address` would leave in `register`; nothing else changes."""
        kept = {number: self.register(thread, number) for number in (PC, register)}
        self.set_register(thread, PC, address)
        self.resume(thread)
        value = self.register(thread, register)
        for number, before in kept.items():
            self.set_register(thread, number, before)
        return value

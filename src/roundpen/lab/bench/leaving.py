# SPDX-License-Identifier: BSD-2-Clause
"""How long a CPU is on its way: from its last instruction in Linux until the receipt is seen.

The clock is the guest's own counter, at one nanosecond an instruction (`-icount`; the counter
has steps of 16 ns). A debugger stops the machine when a CPU reaches the pen's return entry, and
when smp_spin_table_cpu_kill() of the series has come back to its caller, and makes the CPU that
stands there read the counter; while the machine stands no time passes for it.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

from roundpen import scratch
from roundpen.contract import layout
from roundpen.errors import MachineError
from roundpen.kernel import trimmed
from roundpen.lab import gdb
from roundpen.lab.bench import linux
from roundpen.lab.bench.linux import Way
from roundpen.lab.events import Event
from roundpen.lab.qemu import Emulator
from roundpen.lab.scenario import Scenario

KILL, COUNTER = "smp_spin_table_cpu_kill", "arch_counter_get_cntvct"
"""Functions of Linux: the series' arch/arm64/kernel/smp_spin_table.c, arm_arch_timer.c."""
CYCLES = 10
_ASK = f"0 run grep -w -e {KILL} -e {COUNTER} /proc/kallsyms; ls /proc/device-tree/reserved-memory"
_CNTPCT, _CNTVCT = 0xD53BE020, 0xD53BE040
"""`mrs x0, cntpct_el0` and `mrs x0, cntvct_el0` (Arm ARM, C6.2, MRS)."""
_LR = 30
_WINDOW = 64
"""Bytes of a function in which it must read the counter."""
_TIMEOUT = 120.0


@dataclass
class Watch:
    """What the debugger saw in one run. `ticks`: of the counter, per return."""

    ticks: list[int] = field(default_factory=list)
    problem: str = ""

    def follow(self, stub: gdb.Stub, base: int, kill: int, counter: int) -> None:
        """Stop at every return and at every receipt seen, until the machine goes.

        `base`: of the pen's region. `kill`, `counter`: addresses of those functions.
        """
        entry, caller = base + layout.RESIDENT_RETURN, 0
        left: int | None = None
        stub.break_at(entry)
        stub.break_at(kill)
        while True:
            thread = stub.resume()
            at = stub.register(thread, gdb.PC)
            if at == entry:
                # MMU off and EL2: addresses are physical, and the physical counter is ours.
                code = stub.memory(thread, base, layout.RESIDENT_MAX)
                left = _read(stub, thread, base, code, _CNTPCT)
            elif at == kill and not caller:
                caller = stub.register(thread, _LR)
                stub.break_at(caller)
            elif at == caller and left is not None:
                code = stub.memory(thread, counter, _WINDOW)
                self.ticks.append(_read(stub, thread, counter, code, _CNTVCT) - left)
                left = None
            stub.step_off(thread, at)


def _read(stub: gdb.Stub, thread: str, at: int, code: bytes, wanted: int) -> int:
    """The counter, read by that CPU with an instruction of the `code` that it has at `at`."""
    offset, register = find(code, wanted)
    return stub.execute(thread, at + offset, register)


def find(code: bytes, wanted: int) -> tuple[int, int]:
    """The first `mrs` of that counter in `code`: its offset and the register that it fills.

    Raises MachineError when there is none.
    """
    for at in range(0, len(code) - 3, 4):
        word = int.from_bytes(code[at : at + 4], "little")
        if word & ~0x1F == wanted:
            return at, word & 0x1F
    raise MachineError("bench: no instruction that reads the counter where one was expected")


def symbols(text: str) -> dict[str, int]:
    """Names and addresses in lines of /proc/kallsyms, joined by blanks. Pure."""
    return {name: int(at, 16) for at, name in re.findall(r"\b([0-9a-f]{16}) \w (\w+)", text)}


def measure(emulator: Emulator) -> list[float]:
    """Guest seconds of each return of one run under the return offer.

    Raises MachineError when the run does not pass or shows no return.
    """
    with scratch.folder("bench") as folder:
        path = folder / "gdb"
        watch, helpers = Watch(), list[threading.Thread]()

        def attach(event: Event) -> None:
            if event.name == "run":
                helpers.append(_start(watch, path, event.rest("said")))

        linux.boot(
            Way.RETURN,
            trimmed.build().image,
            emulator,
            Scenario(cycles=CYCLES, expects=Way.RETURN.expects),
            prologue=(_ASK,),
            more=("-gdb", f"unix:{path},server=on,wait=off"),
            watch=attach,
        )
        for helper in helpers:
            helper.join(_TIMEOUT)
    if watch.problem or not watch.ticks:
        raise MachineError(f"bench: no return was timed: {watch.problem or 'nothing stopped'}")
    return [ticks / linux.COUNTER for ticks in watch.ticks]


def _start(watch: Watch, path: Path, said: str) -> threading.Thread:
    known, base = symbols(said), re.search(r"roundpen@([0-9a-f]+)", said)
    missing = {KILL, COUNTER} - set(known)
    if missing or base is None:
        raise MachineError(f"bench: no {', '.join(sorted(missing)) or 'pen'} in the guest's {said}")
    stub = gdb.Stub(path, _TIMEOUT)

    def work() -> None:
        try:
            watch.follow(stub, int(base[1], 16), known[KILL], known[COUNTER])
        except MachineError as error:
            # The end of the machine is how it always ends; before the first return it is not.
            watch.problem = "" if watch.ticks else str(error)
        finally:
            stub.close()

    thread = threading.Thread(target=work, name="bench-gdb")
    thread.start()
    return thread

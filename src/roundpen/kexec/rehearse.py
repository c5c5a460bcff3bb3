# SPDX-License-Identifier: BSD-2-Clause
"""The rehearsal: each CPU leaves the kernel and comes back before anything is at stake.

kexec takes all secondaries offline and has no way back. Here each is taken offline and brought
back first, one by one and all at once. A CPU that does not come back is found while the machine
still runs. "Online" is only what the kernel believes: that a CPU left is counted by the pen, on
that CPU, and that it is back is shown by work that it did.

CPUs that were offline stay offline. However this ends, those that were online are online again,
as far as they come.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roundpen.check import sysfs
from roundpen.check.files import read_bounded
from roundpen.check.kernel_log import KernelLog
from roundpen.contract.layout import CpuState
from roundpen.errors import MachineError, RoundpenError, UserError, reason_of
from roundpen.kexec import late
from roundpen.kexec.late import State
from roundpen.logbook.parse import CpuEntry, Logbook

CPUS = Path("sys/devices/system/cpu")
"""Below the root folder."""
_ROUNDS = 100
"""Of the work that a CPU does to show that it is back."""
_RUNS_ON = 36
"""Field "processor" of /proc/self/stat, counted from behind the name (man proc(5): field 39)."""

ReadBook = Callable[[], Logbook | None]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trip:
    """One CPU off and on. Seconds; None: not known.

    `off`, `on`: how long the kernel took. `parked`: how long the CPU was away by the pen's own
    clock. `counted`: the pen counted one return and one release meanwhile; False: there is no
    logbook to see. `worked`: work that was pinned to the CPU ran on it afterwards.
    """

    cpu: int
    off: float
    on: float
    parked: float | None = None
    counted: bool = False
    worked: bool | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was tried, and that it went well: what did not is an error.

    `together`: the same with all secondaries away at one time; empty where there is but one.
    `skipped`: CPUs that were not tried, and why.
    """

    alone: tuple[Trip, ...]
    together: tuple[Trip, ...]
    skipped: tuple[tuple[int, str], ...]

    @property
    def counted(self) -> bool:
        """Whether the pen has counted every trip: otherwise the kernel alone says so."""
        return all(trip.counted for trip in (*self.alone, *self.together))


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: CPUs by the kernel's numbers. `ids`: number -> MPIDR, as far as known."""

    all: tuple[int, ...]
    secondaries: tuple[int, ...]
    skipped: tuple[tuple[int, str], ...]
    ids: dict[int, int]


def cast(root: Path, online: Sequence[int]) -> Cast:
    """Who of the `online` CPUs can take part, by what the kernel has below `root`.

    CPU 0 has a switch only where it may leave (the module offers none where Linux must start
    on it: Raspberry Pi 3).
    """
    able = tuple(cpu for cpu in online if (root / CPUS / f"cpu{cpu}/online").exists())
    unable = tuple(
        (cpu, "it has no switch; the jump starts from it" if cpu == 0 else "it has no switch")
        for cpu in online
        if cpu not in able
    )
    if len(online) == 1:
        able, unable = (), ((online[0], "it is the only one"),)
    ids = {cpu: mpidr for cpu in able if (mpidr := _mpidr(root, cpu)) is not None}
    return Cast(able, tuple(cpu for cpu in able if cpu), unable, ids)


def rehearse(
    online: Sequence[int], book: ReadBook, tell: Tell = lambda line: None, root: Path = Path("/")
) -> Rehearsal:
    """Do it. `book`: reads the pen's logbook, or gives None. `tell`: gets a line per step.

    Raises MachineError that names the CPU and the step when one does not leave or come back,
    UserError when only root may do it. CPUs are as they were then, but for one that is lost.
    """
    actors = cast(root, online)
    stage = _Stage(root, actors, book)
    with _put_back(stage, actors.all):
        alone: list[Trip] = []
        for cpu in actors.all:
            tell(f"CPU {cpu}: off and on")
            alone += stage.trips((cpu,))
        together: tuple[Trip, ...] = ()
        if len(actors.secondaries) > 1:
            tell(f"CPUs {', '.join(map(str, actors.secondaries))}: off and on, all at once")
            together = stage.trips(actors.secondaries)
    return Rehearsal(tuple(alone), together, actors.skipped)


class _Stage:
    """Switches CPUs, and holds what happens against the pen's logbook."""

    def __init__(self, root: Path, actors: Cast, book: ReadBook) -> None:
        self._root = root
        self._ids = actors.ids
        self._book = book

    def trips(self, cpus: Sequence[int]) -> tuple[Trip, ...]:
        """All of `cpus` off, then on, in their order."""
        before = self._entries(cpus)
        off = {cpu: self._leave(cpu) for cpu in cpus}
        away = self._entries(cpus)
        for cpu in cpus:
            self._parked(cpu, before.get(cpu), away.get(cpu))
        on = {cpu: self.come(cpu) for cpu in cpus}
        worked = {cpu: self._works(cpu) for cpu in cpus}
        back, clock = self._entries(cpus), self._frequency()
        for cpu in cpus:
            _back(cpu, before.get(cpu), back.get(cpu))
        return tuple(
            Trip(
                cpu,
                off[cpu],
                on[cpu],
                _parked_for(away.get(cpu), back.get(cpu), clock),
                cpu in before and cpu in back,
                worked[cpu],
            )
            for cpu in cpus
        )

    def _leave(self, cpu: int) -> float:
        with KernelLog(self._root) as log:
            seconds, why = self._switch(cpu, "0")
            if not why:
                return seconds
            raise _failed(f"CPU {cpu} does not leave the kernel: {why}", log)

    def come(self, cpu: int) -> float:
        """Bring `cpu` online; seconds. Raises MachineError when it does not come."""
        with KernelLog(self._root) as log:
            seconds, why = self._switch(cpu, "1")
            if not why:
                return seconds
            raise _failed(f"CPU {cpu} left the kernel and does not come back: {why}", log)

    def is_on(self, cpu: int) -> bool:
        """Whether the kernel says so."""
        return read_bounded(self._file(cpu), 16).strip() == b"1"

    def _file(self, cpu: int) -> Path:
        return self._root / CPUS / f"cpu{cpu}/online"

    def _switch(self, cpu: int, wanted: str) -> tuple[float, str]:
        """Seconds, and why it did not work ("" when it did)."""
        began = time.monotonic()
        try:
            handle = os.open(self._file(cpu), os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(handle, wanted.encode())
            finally:
                os.close(handle)
        except PermissionError as error:
            raise UserError(
                f"{self._file(cpu)}: {reason_of(error)}", remedy="run as root"
            ) from error
        except OSError as error:
            return 0.0, reason_of(error)
        seconds = time.monotonic() - began
        return seconds, "" if self.is_on(cpu) == (wanted == "1") else "the kernel did not say why"

    def _entries(self, cpus: Sequence[int]) -> dict[int, CpuEntry]:
        book = self._book()
        by_id = {entry.mpidr: entry for entry in book.cpus} if book else {}
        return {
            cpu: by_id[mpidr]
            for cpu in cpus
            if (mpidr := self._ids.get(cpu)) is not None and mpidr in by_id
        }

    def _frequency(self) -> int:
        book = self._book()
        return book.counter_frequency if book else 0

    def _parked(self, cpu: int, before: CpuEntry | None, away: CpuEntry | None) -> None:
        """Offline is no proof: the receipt is, and the pen's count."""
        state = sysfs.text(self._root / late.HOME / f"cpu{cpu}/state")
        if state not in (None, State.PARKED):
            raise _lost(f"CPU {cpu} is offline and not in the pen: the module calls it {state!r}")
        if before is None or away is None:
            return
        if away.returned != before.returned + 1 or away.state is not CpuState.OFF:
            raise _lost(
                f"CPU {cpu} is offline and the pen has not got it (state {_words(away)}, "
                f"{away.returned - before.returned} returns since)"
            )

    def _works(self, cpu: int) -> bool | None:
        """Have `cpu` compute something; None where this process may not choose its CPU."""
        allowed = os.sched_getaffinity(0)
        if self._root != Path("/"):
            return None
        try:
            os.sched_setaffinity(0, {cpu})
        except OSError:
            return None
        try:
            seen = b"%d" % cpu
            for _ in range(_ROUNDS):
                seen = hashlib.sha256(seen).digest()
            text = read_bounded(self._root / "proc/self/stat", 4096).rpartition(b")")[2]
            return int(text.split()[_RUNS_ON]) == cpu
        finally:
            os.sched_setaffinity(0, allowed)


@contextmanager
def _put_back(stage: _Stage, cpus: Sequence[int]) -> Iterator[None]:
    """Bring `cpus` online at the end, however it comes.

    Signals wait meanwhile: half of the CPUs is no state to leave a machine in.
    """
    try:
        yield
    except BaseException:
        held = signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        )
        try:
            for cpu in cpus:
                _try_to_put_back(stage, cpu)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        raise


def _try_to_put_back(stage: _Stage, cpu: int) -> None:
    try:
        if not stage.is_on(cpu):
            stage.come(cpu)
    except RoundpenError:
        # The error that is on its way says more: this CPU's loss, or another's.
        return


_REPORT = "please report it with the kernel's log and what roundpen status prints"


def _failed(what: str, log: KernelLog) -> MachineError:
    said = [line for line in log.lines() if "CPU" in line or "roundpen" in line]
    return MachineError(
        what + (f' (the kernel: "{said[-1]}")' if said else ""),
        remedy=f"nothing was loaded, and the machine runs on; {_REPORT}",
    )


def _lost(what: str) -> MachineError:
    return MachineError(
        what,
        remedy="nothing was loaded, and the machine runs on without it until an ordinary "
        f"restart; {_REPORT}",
    )


def _words(entry: CpuEntry) -> str:
    return entry.state.name.lower().replace("_", " ")


def _back(cpu: int, before: CpuEntry | None, after: CpuEntry | None) -> None:
    """Who is online must have come through the pen's door."""
    if before is None or after is None:
        return
    if after.released != before.released + 1 or after.state is not CpuState.ON:
        raise MachineError(
            f"CPU {cpu} is online, but the pen did not release it (state {_words(after)}, "
            f"{after.released - before.released} releases since)",
            remedy=f"nothing was loaded; {_REPORT}",
        )


def _parked_for(away: CpuEntry | None, back: CpuEntry | None, frequency: int) -> float | None:
    """Seconds between the pen's two events; the slot keeps the time of the latest."""
    if away is None or back is None or not frequency or back.event_at < away.event_at:
        return None
    return (back.event_at - away.event_at) / frequency


def _mpidr(root: Path, cpu: int) -> int | None:
    """From the CPU's node: `reg`, one cell or two (Devicetree Specification 0.4, 3.8.1)."""
    try:
        reg = read_bounded(root / CPUS / f"cpu{cpu}/of_node/reg", 64)
    except RoundpenError:
        return None
    return int.from_bytes(reg, "big") if len(reg) in (4, 8) else None

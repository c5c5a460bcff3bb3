# SPDX-License-Identifier: BSD-2-Clause
"""Who is rehearsed, what counts as gone and as back, and that all are put back.

The switches are files of a folder. They keep what is written to them, as the kernel's do; one
that is /dev/full refuses.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roundpen.contract.layout import CpuState
from roundpen.errors import MachineError
from roundpen.kexec.rehearse import CPUS, cast, rehearse
from roundpen.logbook.parse import CpuEntry, Logbook, parse
from tests.unit import samples
from tests.unit.kexec_root import late_module, put

ALL = (0, 1, 2, 3)


def machine(root: Path, cpus: int = 4, *, boot_cpu_too: bool = False) -> None:
    for cpu in range(cpus):
        put(root, f"{CPUS}/cpu{cpu}/of_node/reg", cpu.to_bytes(8, "big"))
        if cpu or boot_cpu_too:
            put(root, f"{CPUS}/cpu{cpu}/online", "1")


def online(root: Path, cpu: int) -> bool:
    return (root / CPUS / f"cpu{cpu}/online").read_text() == "1"


class Pen:
    """Counts as the pen does, by the switches; but for CPUs of `deaf`, whose trips it misses."""

    def __init__(self, root: Path, deaf: tuple[int, ...] = (), late: tuple[int, ...] = ()) -> None:
        self.root = root
        self.deaf, self.late = deaf, late
        self.book = parse(samples.region())
        self.was = {cpu.mpidr: True for cpu in self.book.cpus}
        self.most_away = 0

    def __call__(self) -> Logbook:
        entries = []
        for entry in self.book.cpus:
            switch = self.root / CPUS / f"cpu{entry.mpidr}/online"
            now = not switch.is_file() or switch.read_text() == "1"
            entries.append(self._moved(entry, now=now))
        self.book = replace(self.book, cpus=tuple(entries))
        self.most_away = max(self.most_away, list(self.was.values()).count(False))
        return self.book

    def _moved(self, entry: CpuEntry, *, now: bool) -> CpuEntry:
        if now == self.was[entry.mpidr]:
            return entry
        self.was[entry.mpidr] = now
        at = entry.event_at + self.book.counter_frequency
        if not now and entry.mpidr not in self.deaf:
            return replace(entry, state=CpuState.OFF, returned=entry.returned + 1, event_at=at)
        if now and entry.mpidr not in self.late:
            return replace(entry, state=CpuState.ON, released=entry.released + 1, event_at=at)
        return entry


def test_who_takes_part(tmp_path: Path) -> None:
    machine(tmp_path)
    found = cast(tmp_path, ALL)
    assert (found.all, found.secondaries) == ((1, 2, 3), (1, 2, 3))
    assert found.skipped == ((0, "it has no switch; the jump starts from it"),)
    machine(tmp_path, boot_cpu_too=True)
    found = cast(tmp_path, ALL)
    assert (found.all, found.secondaries, found.skipped) == (ALL, (1, 2, 3), ())
    assert found.ids == {cpu: cpu for cpu in ALL}


def test_one_cpu_has_nothing_to_rehearse(tmp_path: Path) -> None:
    machine(tmp_path, 1, boot_cpu_too=True)
    done = rehearse((0,), lambda: None, root=tmp_path)
    assert (done.alone, done.together) == ((), ())
    assert done.skipped == ((0, "it is the only one"),)


def test_each_alone_then_all_at_once(tmp_path: Path) -> None:
    machine(tmp_path, boot_cpu_too=True)
    late_module(tmp_path, states=dict.fromkeys(ALL, "parked"))
    pen = Pen(tmp_path)
    told: list[str] = []
    done = rehearse(ALL, pen, told.append, tmp_path)
    assert [trip.cpu for trip in done.alone] == list(ALL)
    assert [trip.cpu for trip in done.together] == [1, 2, 3]
    assert done.counted
    assert {trip.parked for trip in (*done.alone, *done.together)} == {1.0}
    assert pen.most_away == 3
    assert told == [*(f"CPU {cpu}: off and on" for cpu in ALL),
                    "CPUs 1, 2, 3: off and on, all at once"]  # fmt: skip
    assert all(online(tmp_path, cpu) for cpu in ALL)


def test_who_was_offline_stays_offline(tmp_path: Path) -> None:
    machine(tmp_path)
    put(tmp_path, f"{CPUS}/cpu2/online", "0")
    done = rehearse((0, 1, 3), lambda: None, root=tmp_path)
    assert [trip.cpu for trip in done.alone] == [1, 3]
    assert not done.counted
    assert not online(tmp_path, 2)


def test_one_does_not_leave(tmp_path: Path) -> None:
    machine(tmp_path)
    switch = tmp_path / CPUS / "cpu2/online"
    switch.unlink()
    switch.symlink_to("/dev/full")
    put(tmp_path, "dev/kmsg", "")
    with pytest.raises(MachineError, match="CPU 2 does not leave the kernel: No space left"):
        rehearse(ALL, Pen(tmp_path), root=tmp_path)
    assert online(tmp_path, 1)
    assert online(tmp_path, 3)


def test_one_does_not_reach_the_pen(tmp_path: Path) -> None:
    """The kernel calls it offline. All come back that can, and nobody goes after it."""
    machine(tmp_path)
    told: list[str] = []
    with pytest.raises(MachineError, match=r"CPU 2 is offline and the pen has not got it \(state"):
        rehearse(ALL, Pen(tmp_path, deaf=(2,)), told.append, tmp_path)
    assert told[-1] == "CPU 2: off and on"
    assert all(online(tmp_path, cpu) for cpu in (1, 2, 3))


def test_the_module_calls_one_lost(tmp_path: Path) -> None:
    """Also where there is no logbook: a firmware's pen keeps none."""
    machine(tmp_path)
    late_module(tmp_path, states={1: "parked", 2: "lost"})
    with pytest.raises(MachineError, match=r"CPU 2 is offline .* the module calls it 'lost'"):
        rehearse(ALL, lambda: None, root=tmp_path)


def test_one_comes_back_by_another_door(tmp_path: Path) -> None:
    machine(tmp_path)
    with pytest.raises(MachineError, match="CPU 3 is online, but the pen did not release it"):
        rehearse(ALL, Pen(tmp_path, late=(3,)), root=tmp_path)


def test_interrupted_while_all_are_away(tmp_path: Path) -> None:
    machine(tmp_path)
    pen = Pen(tmp_path)

    def book() -> Logbook:
        found = pen()
        if pen.most_away == 3:
            raise KeyboardInterrupt
        return found

    with pytest.raises(KeyboardInterrupt):
        rehearse(ALL, book, root=tmp_path)
    assert all(online(tmp_path, cpu) for cpu in (1, 2, 3))

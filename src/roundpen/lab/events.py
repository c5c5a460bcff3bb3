# SPDX-License-Identifier: BSD-2-Clause
"""The guest's authenticated lines -> events. Pure.

A line counts only when its digest fits the nonce that this run put into the guest. So neither
an echo of the command line, nor a line of an earlier run, nor one that lost a character on a
serial line is taken for an event.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

_LINE = re.compile(
    r"^(?:<\d+>)?\[\s*(?P<time>\d+\.\d+)\](?:\[[^]]*\])? "
    r"roundpen (?P<mac>[0-9a-f]{16}) (?P<said>(?P<generation>\d+) (?P<sequence>\d+) "
    r"(?P<name>\S+) (?P<text>.*?))\s*$"
)
MAC_DIGITS = 16


@dataclass(frozen=True)
class Event:
    """One thing that the guest reported. `guest_time`: seconds since its kernel started."""

    generation: int
    sequence: int
    name: str
    text: str
    guest_time: float
    wall_time: float = 0.0
    """Seconds since QEMU was started."""

    def value(self, key: str) -> str:
        """The word behind `key=`, "" when there is none."""
        match = re.search(rf"(?:^| ){re.escape(key)}=(\S*)", self.text)
        return match[1] if match else ""

    def rest(self, key: str) -> str:
        """All that follows `key=` to the end of the line."""
        match = re.search(rf"(?:^| ){re.escape(key)}=(.*)$", self.text)
        return match[1].strip() if match else ""

    def number(self, key: str) -> int | None:
        """The decimal number behind `key=`, None when there is none."""
        value = self.value(key)
        return int(value) if value.isdecimal() else None


class Reader(Protocol):
    """What turns console lines into events; `parser` makes one."""

    def __call__(self, line: str, wall_time: float = 0.0) -> Event | None:
        """The event in `line`, or None."""


def mac(nonce: str, said: str) -> str:
    """The first word of a line that says `said`, as the guest computes it."""
    return hashlib.sha256(f"{nonce} {said}\n".encode()).hexdigest()[:MAC_DIGITS]


def work_digest(nonce: str, generation: int, label: str, cpu: int) -> str:
    """What a CPU's piece of work must come to."""
    return hashlib.sha256(f"{nonce} {generation} {label} {cpu}\n".encode()).hexdigest()


def kvm_seed(nonce: str, generation: int, label: str) -> int:
    """The number that a virtual machine gets to compute with: 32 bits."""
    return int(hashlib.sha256(f"{nonce} {generation} kvm {label}\n".encode()).hexdigest()[:8], 16)


def parser(nonce: str) -> Reader:
    """A reader of console lines for the run with that nonce."""

    def parse(line: str, wall_time: float = 0.0) -> Event | None:
        match = _LINE.match(line)
        if match is None:
            return None
        # The kernel shows no trailing blanks, the guest's digest is over all that it wrote.
        said = match["said"]
        if match["mac"] not in (mac(nonce, said), mac(nonce, said + " ")):
            return None
        return _event(match, wall_time)

    return parse


def unproven(line: str, wall_time: float = 0.0) -> Event | None:
    """The event in a line of a kept transcript, whose nonce is gone: its digest proves nothing."""
    match = _LINE.match(line)
    return None if match is None else _event(match, wall_time)


def _event(match: re.Match[str], wall_time: float) -> Event:
    return Event(
        int(match["generation"]),
        int(match["sequence"]),
        match["name"],
        match["text"].strip(),
        float(match["time"]),
        wall_time,
    )

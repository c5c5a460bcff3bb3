# SPDX-License-Identifier: BSD-2-Clause
"""The rehearsal, for people: a line per CPU."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from roundpen.kexec.rehearse import Rehearsal, Trip


def lines(done: Rehearsal) -> Iterator[str]:
    """Each CPU's trip, then those that were not tried, then who says so."""
    if done.alone:
        yield "rehearsal: each CPU left the kernel and came back"
        yield from _trips(done.alone)
    if done.together:
        yield "  all at once:"
        yield from _trips(done.together)
    for cpu, why in done.skipped:
        yield f"  CPU {cpu}: not tried: {why}"
    if done.alone and not done.counted:
        yield "  by the kernel's word alone: there is no logbook to hold it against"


def _trips(trips: Iterable[Trip]) -> Iterator[str]:
    for trip in trips:
        parts = [f"off {_ms(trip.off)}, on {_ms(trip.on)}"]
        if trip.parked is not None:
            parts.append(f"in the pen {_ms(trip.parked)}")
        if trip.counted:
            parts.append("counted by the pen")
        if trip.worked is not None:
            parts.append("works" if trip.worked else "its work ran elsewhere")
        yield f"  CPU {trip.cpu}: {'; '.join(parts)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"

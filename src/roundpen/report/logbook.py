# SPDX-License-Identifier: BSD-2-Clause
"""A logbook as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from roundpen.contract.layout import CpuState
from roundpen.logbook.parse import CpuEntry, Logbook

_REMARKS = {
    CpuState.ABSENT: "never seen in the pen",
    CpuState.FAILED: "did not arrive in time",
    CpuState.WRONG_LEVEL: "other exception level, parked for good",
    CpuState.DEAD: "exception inside the pen, parked for good",
}


def as_json(book: Logbook) -> dict[str, object]:
    """Plain values; enums by their lower-case names, addresses and times as numbers."""
    return {
        "base": book.base,
        "version": book.version,
        "offer": book.offer.name.lower(),
        "entry_level": book.entry_level,
        "refusal": book.refusal.name.lower(),
        "reason": book.reason,
        "counter_frequency": book.counter_frequency,
        "entered_at": book.entered_at,
        "gather_began_at": book.gather_began_at,
        "gather_ended_at": book.gather_ended_at,
        "handed_over_at": book.handed_over_at,
        "stepped_aside": book.stepped_aside,
        "stepped_aside_reason": book.stepped_aside_reason.name.lower(),
        "strangers": book.strangers,
        "can_power_off": book.can_power_off,
        "can_reset": book.can_reset,
        "fault_syndrome": book.fault_syndrome,
        "fault_instruction": book.fault_instruction,
        "fault_address": book.fault_address,
        "cpus": [_cpu_as_json(cpu) for cpu in book.cpus],
    }


def _cpu_as_json(cpu: CpuEntry) -> dict[str, object]:
    return {
        "index": cpu.index,
        "mpidr": cpu.mpidr,
        "boot": cpu.is_boot,
        "state": cpu.state.name.lower(),
        "released": cpu.released,
        "returned": cpu.returned,
        "event_at": cpu.event_at,
        "arrived_at": cpu.arrived_at,
        "trap_syndrome": cpu.trap_syndrome,
        "trap_address": cpu.trap_address,
    }


def headline(book: Logbook) -> Iterator[str]:
    """The lines above the table."""
    yield f"pen at {book.base:#x}, entered at EL{book.entry_level}, offer {book.offer.name.lower()}"
    if book.reason:
        yield f"the pen stepped aside: {book.reason}"
    if book.fault_syndrome:
        yield (
            f"exception {book.fault_syndrome:#x} at {book.fault_instruction:#x} of pen.elf,"
            f" address {book.fault_address:#x}"
        )
    gathered = book.seconds(book.gather_ended_at)
    handed = book.seconds(book.handed_over_at)
    if gathered is not None and handed is not None:
        took = f"CPUs gathered after {gathered * 1e3:.3f} ms"
        yield f"{took}, kernel entered after {handed * 1e3:.3f} ms"
    if book.stepped_aside:
        yield f"wrapped kernels that left everything to this pen: {book.stepped_aside}"
    if book.strangers:
        yield "CPUs that are not in the tree came through a release word; they are parked for good"


def table(book: Logbook) -> Table:
    """One row per CPU; times in seconds since the pen was entered."""
    result = Table("CPU", "MPIDR", "state", "released", "returned", "last event", "note")
    for cpu in book.cpus:
        seconds = book.seconds(cpu.event_at)
        result.add_row(
            str(cpu.index),
            f"{cpu.mpidr:#x}",
            cpu.state.name.lower().replace("_", " "),
            str(cpu.released),
            str(cpu.returned),
            "-" if seconds is None else f"{seconds:.6f} s",
            _note(cpu),
        )
    return result


def _note(cpu: CpuEntry) -> str:
    if cpu.trap_syndrome:
        return f"exception {cpu.trap_syndrome:#x} at {cpu.trap_address:#x}"
    remarks = (["boot CPU"] if cpu.is_boot else []) + [_REMARKS.get(cpu.state, "")]
    return ", ".join(remark for remark in remarks if remark)

# SPDX-License-Identifier: BSD-2-Clause
"""A lab run as tables for people and as JSON for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from rich import box
from rich.table import Table
from rich.text import Text

from roundpen.contract.layout import Offer
from roundpen.lab.course import counts, stages
from roundpen.lab.roundtrip import CpuAccount, RoundTrip
from roundpen.lab.session import Result
from roundpen.report import logbook as logbook_report


def headline(trip: RoundTrip, result: Result) -> str:
    """One line for one kernel of the chain."""
    how = "started by the firmware" if trip.generation == 0 else f"kexec {trip.generation}"
    if result.job.scenario.crash is not None and trip.generation > result.job.scenario.kexecs:
        how = "capture kernel"
    count = f"{trip.accounted} of {len(trip.cpus)} CPUs accounted for"
    offer = f", offer {trip.offer}" if trip.offer else ""
    if trip.module is not None:
        base = trip.module.region.partition(" ")[0]
        offer += f", {trip.module.level}, late pen {trip.module.pen} at {base}"
    aside = f", the pen stepped aside: {trip.stepped_aside}" if trip.stepped_aside else ""
    return (
        f"{how}: {trip.release or result.job.kernel.name} at {trip.level or 'EL?'}{offer}{aside}; "
        f"/init after {trip.took:.1f} s; {count}"
    )


def table(trip: RoundTrip, title: str) -> Table:
    """One row per CPU: what the kernel says, what the CPU did, what the pen wrote down."""
    result = Table(title=title, title_justify="left", title_style="bold")
    for name in (
        "CPU",
        "online",
        "work",
        "done at",
        "hotplug",
        "pen",
        "pen's last event",
        "verdict",
    ):
        result.add_column(name)
    for account in trip.cpus:
        result.add_row(*_row(account, trip))
    return result


def _row(account: CpuAccount, trip: RoundTrip) -> tuple[str | Text, ...]:
    entry = account.entry
    seconds = trip.logbook.seconds(entry.event_at) if trip.logbook and entry else None
    pen = "-"
    if entry is not None:
        state = entry.state.name.lower().replace("_", " ")
        pen = f"{state}, out {entry.released}, back {entry.returned}"
    good = Text("ok", style="green")
    bad = Text("; ".join(account.problems), style="red")
    return (
        str(account.cpu),
        "yes" if account.online else "no",
        f"{len(account.worked)} pieces" if account.worked else "none",
        "-" if account.worked_at is None else f"{account.worked_at:.2f} s",
        "-" if account.cycles is None else str(account.cycles),
        pen,
        "-" if seconds is None else f"{seconds:.3f} s",
        bad if account.problems else good,
    )


def closing(result: Result) -> Iterator[str]:
    """The verdict, all that speaks against it, and where the console's lines are."""
    for trip in result.verdict.trips:
        if trip.module and trip.module.before:
            yield f"kexec -l under kernel {trip.generation}, no module: {trip.module.before}"
        if trip.load:
            yield f"kexec -l under kernel {trip.generation}: {trip.load}"
        for cpu, why in trip.stuck.items():
            yield f"CPU {cpu} can't leave kernel {trip.generation}: {why}"
        counted = receipts(trip, result)
        if counted is not None:
            yield (
                f"receipts by the end of kernel {trip.generation}: {counted[0]}, "
                f"expected {counted[1]}"
            )
    if result.console.fatal:
        yield f"the kernel stopped: {result.console.fatal}"
    for problem in result.verdict.all_problems():
        yield f"problem: {problem}"
    if result.transcript is not None:
        yield f"transcript: {result.transcript}"
    passed = result.verdict.passed
    yield f"{result.job.machine.name}: " + ("passed" if passed else "NOT passed")


def receipts(trip: RoundTrip, result: Result) -> tuple[int, int] | None:
    """Receipts that the pen has counted by the end of a kernel, and how many there must be.

    None where no pen gives any: only its return offer does.
    """
    if trip.offer != Offer.RETURN.name.lower():
        return None
    job = result.job
    course = stages(job.scenario, job.machine.cpus)
    wanted = [
        counts(course, trip.generation, number, job.scenario.cycles)[1]
        for number in range(job.machine.cpus)
    ]
    return sum(one.entry.returned for one in trip.cpus if one.entry), sum(wanted)


def as_json(result: Result) -> dict[str, object]:
    """Plain values; times in seconds."""
    job = result.job
    return {
        "machine": job.machine.name,
        "cpus": job.machine.cpus,
        "kernel": job.kernel.name,
        "wrap": job.wrap.name.lower() if job.wrap is not None else None,
        "kexecs": job.scenario.kexecs,
        "hotplug_cycles": job.scenario.cycles,
        "faults": {str(one.cpu): one.fault.label for one in job.faults},
        "passed": result.verdict.passed,
        "problems": result.verdict.all_problems(),
        "seconds": round(result.console.seconds, 3),
        "transcript": str(result.transcript) if result.transcript else None,
        "stopped": result.console.fatal or None,
        "kernels": [_trip_as_json(trip, result) for trip in result.verdict.trips],
    }


def _trip_as_json(trip: RoundTrip, result: Result) -> dict[str, object]:
    counted = receipts(trip, result)
    return {
        "generation": trip.generation,
        "release": trip.release,
        "level": trip.level,
        "offer": trip.offer or None,
        "module": dataclasses.asdict(trip.module) if trip.module else None,
        "stepped_aside": trip.stepped_aside or None,
        "reached_at": round(trip.reached_at, 3),
        "took": round(trip.took, 3),
        "kexec_load": trip.load or None,
        "receipts": dict(zip(("counted", "expected"), counted, strict=True)) if counted else None,
        "stuck": {str(cpu): why for cpu, why in trip.stuck.items()},
        "cpus": [_cpu_as_json(account) for account in trip.cpus],
        "logbook": logbook_report.as_json(trip.logbook) if trip.logbook else None,
    }


def _cpu_as_json(account: CpuAccount) -> dict[str, object]:
    return {
        "cpu": account.cpu,
        "online": account.online,
        "worked": list(account.worked),
        "worked_at": account.worked_at,
        "hotplug_cycles": account.cycles,
        "released": account.entry.released if account.entry else None,
        "returned": account.entry.returned if account.entry else None,
        "problems": list(account.problems),
    }


def late_pen(result: Result) -> Table:
    """The demo's table: a kernel a row, first as stock, then with the module."""
    machine = result.job.machine.describes.partition(",")[0]
    title = f"{machine}, as it comes; a module, no restart"
    # Without lines between the columns a release fits into 80.
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("kernel", no_wrap=True)
    for name in ("at", "stock", "late pen", "CPUs", "off/on", "KVM", "kexec"):
        table.add_column(name)
    for trip in result.verdict.trips:
        module = trip.module
        stock = "refused" if module and module.before else "-"
        pen = module.pen if module else "none"
        _, working, hotplug, kexec = _summary(trip)
        kvm = "ran" if result.job.scenario.kvm and not trip.problems else "-"
        off_on = hotplug.removesuffix(" CPUs")
        table.add_row(trip.release, trip.level, stock, pen, working, off_on, kvm, kexec)
    return table


def before_after(before: Result, after: Result) -> Table:
    """The demo's table: the same machine and kernel, without and with the pen."""
    result = Table(title="The same board, the same kernel", title_justify="left")
    for name in ("image", "kernel", "CPUs at work", "hotplug", "kexec -l"):
        result.add_column(name)
    for name, one in (("stock", before), ("wrapped", after)):
        for trip in one.verdict.trips:
            result.add_row(name, *_summary(trip))
        result.add_section()
    return result


def _summary(trip: RoundTrip) -> tuple[str, ...]:
    working = sum(bool(account.worked) for account in trip.cpus)
    cycles = [account.cycles for account in trip.cpus if account.cycles is not None]
    able = sum(bool(done) for done in cycles)
    hotplug = f"{able} of {len(cycles)} CPUs" if cycles else "-"
    where = "first" if trip.generation == 0 else f"after kexec {trip.generation}"
    kexec = {"": "-", "loaded": "accepted"}.get(trip.load, f"refused: {trip.load}")
    return (where, f"{working} of {len(trip.cpus)}", hotplug, kexec)

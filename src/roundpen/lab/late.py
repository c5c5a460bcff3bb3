# SPDX-License-Identifier: BSD-2-Clause
"""What one kernel of a run says of the module: the late pen, and how it is without. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roundpen.lab.course import STUCK, Stage
from roundpen.lab.events import Event
from roundpen.lab.scenario import Expectation, Pen


@dataclass(frozen=True)
class Module:
    """The module in one kernel, in the words of /sys/kernel/roundpen.

    `before`: what an attempt to load a kernel came to without the module; "" where none was made.
    `region`: base address and size in bytes. `mounted`: its tree stands in /sys/firmware/fdt.
    """

    before: str
    pen: str
    way: str
    level: str
    region: str
    mounted: bool


def module(events: Sequence[Event]) -> Module | None:
    """What it says; None where it was not loaded."""
    said = {event.name: event for event in events if event.name in ("late", "before")}
    if "late" not in said or said["late"].value("status") != "0":
        return None
    late = said["late"]
    return Module(
        before=said["before"].rest("kernel") if "before" in said else "",
        pen=late.value("pen"),
        way=late.value("way"),
        level=late.value("level").replace(",", " "),
        region=late.value("region").replace(",", " "),
        mounted=late.value("mounted") == "1",
    )


def check(events: Sequence[Event], stage: Stage, wanted: Expectation, level: str) -> Iterator[str]:
    """What is wrong with the module in the kernel of `stage`, which started at `level`."""
    said = {event.name: event for event in events if event.name in ("late", "before")}
    yield from _check_before(said.get("before"), stage)
    if not stage.late:
        return
    late, found = said.get("late"), module(events)
    if found is None or late is None:
        yield f"the module was not loaded: {late.text if late else 'never tried'}"
        return
    made = stage.generation == 0 and wanted.late is Pen.MADE
    pen = Pen.MADE if made else Pen.ADOPTED
    if found.pen != pen.value:
        yield f"the module says that its pen is {found.pen or 'none'}, expected {pen.value}"
    if found.mounted != made:
        yield "the module's tree is " + (
            "in place, expected the running one to do" if found.mounted else "not in place"
        )
    if found.level.split()[:1] != [level]:
        yield f"the module says {found.level or 'no level'}, the kernel {level or 'none'}"
    way = "psci" if wanted.leaves and stage.generation == 0 else "spin-table"
    if found.way != way:
        yield f"the module says that the CPUs came by {found.way or 'nothing'}, expected {way}"


def _check_before(event: Event | None, stage: Stage) -> Iterator[str]:
    if not stage.refused_first:
        return
    if event is None:
        yield "nothing was tried before the module was loaded"
    elif event.value("status") == "0":
        yield "kexec was accepted before the module was loaded, expected stock's refusal"
    elif STUCK not in event.rest("kernel"):
        yield f"kexec failed before the module, but not for the stuck CPUs: {event.text}"


def check_regions(found: Sequence[Module]) -> Iterator[str]:
    """All kernels of a chain have one pen."""
    regions = list(dict.fromkeys(one.region for one in found))
    if len(regions) > 1:
        yield f"the modules name different pens: {', '.join(regions)}"

# SPDX-License-Identifier: BSD-2-Clause
"""What the lab has, as text of one screen and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from roundpen.kernel import debian, trimmed
from roundpen.lab.faults import Fault
from roundpen.lab.machines import FAMILIES, Machine


def kernels() -> dict[str, str]:
    """Every kernel of the lab, and what it is."""
    built = {name: f"built here: {one.describes}" for name, one in trimmed.FLAVOURS.items()}
    return {name: one.describes for name, one in debian.FLAVOURS.items()} | built


def overview() -> Iterator[str]:
    """Families of machines with their grammar, kernels and faults, a line each."""
    yield "Machines (`roundpen lab list 'virt-*-8-*'` names those that there are):"
    for grammar, describes in FAMILIES:
        yield f"  {grammar}"
        yield f"      {describes}"
    yield "Kernels, or a file:"
    yield from _columns(kernels())
    yield "Faults of a virt-returning-..., a CPU that"
    yield from _columns({fault.label: fault.value for fault in Fault})


def listing(machines: Iterable[Machine]) -> Iterator[str]:
    """Machines, a line each."""
    yield from _columns({machine.name: machine.describes for machine in machines}, "")


def as_json(machines: Iterable[Machine]) -> dict[str, object]:
    """The same for programs."""
    return {
        "machines": [
            {
                "name": machine.name,
                "family": machine.family.value,
                "cpus": machine.cpus,
                "entry_level": machine.entry_level,
                "gic": machine.gic or None,
                "least_qemu": machine.least_qemu,
                "describes": machine.describes,
            }
            for machine in machines
        ],
        "kernels": [{"name": name, "describes": what} for name, what in kernels().items()],
        "faults": [{"name": fault.label, "describes": fault.value} for fault in Fault],
    }


def _columns(rows: dict[str, str], indent: str = "  ") -> Iterator[str]:
    width = max(map(len, rows))
    return (f"{indent}{name:<{width}}  {what}" for name, what in rows.items())

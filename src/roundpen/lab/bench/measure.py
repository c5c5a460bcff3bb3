# SPDX-License-Identifier: BSD-2-Clause
"""Measure everything, in the order in which the pen meets it."""

from __future__ import annotations

import logging
import os
import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from roundpen import __version__
from roundpen.kernel import trimmed
from roundpen.lab import emulator as emulators
from roundpen.lab import machines
from roundpen.lab.bench import bare, figures, leaving, linux, proof
from roundpen.lab.bench.figures import Figure
from roundpen.lab.bench.linux import Way
from roundpen.lab.qemu import Emulator

FEW, MANY = 4, 64
LEVELS: tuple[Literal[2, 1], ...] = (2, 1)
"""At which the return offer works."""
GATHERED = (2, 4, 8, 16, 32, 64)
BOOTS = 7
GATHERS = 5
"""Boots for the medians of what depends on the host."""
RUNS = 5
PAIRS = (
    (Way.PSCI, Way.QEMU), (Way.RETURN, Way.QEMU), (Way.RETURN, Way.PSCI),
    (Way.LATE, Way.QEMU), (Way.LATE, Way.PSCI), (Way.LATE, Way.RETURN),
)  # fmt: skip
"""What is compared with what."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """All figures, and what they were measured on."""

    machine: dict[str, str | int]
    figures: tuple[Figure, ...]

    @property
    def met(self) -> bool:
        """Whether every target is met."""
        return all(figure.met is not False for figure in self.figures)


def measure(runs: int = RUNS) -> Report:
    """Measure. `runs`: of each Linux machine, the longest part by far (10 s each).

    Raises MachineError when something needed is missing or a run goes wrong.
    """
    emulator = emulators.find(machines.machine(linux.YARDSTICK))
    kernel = trimmed.build()
    _log.info("bench: counting instructions, %d and %d CPUs", FEW, MANY)
    few, many = (bare.count(bare.machine(cpus), emulator) for cpus in (FEW, MANY))
    found = figures.instruction_figures(few.calls, many.calls, MANY)
    _log.info("bench: counting instructions of a return, EL2 and EL1")
    found += figures.receipt_figures(
        {
            level: bare.count_returns(
                replace(bare.machine(FEW), entry_level=level), emulator
            ).returns
            for level in LEVELS
        }
    )
    _log.info("bench: %d boots of %d CPUs", BOOTS, FEW)
    added = [_added(bare.measure(bare.machine(FEW), emulator)) for _ in range(BOOTS)]
    _log.info("bench: gathering %s CPUs", ", ".join(map(str, GATHERED)))
    gathered = {cpus: [_gathered(cpus, emulator) for _ in range(GATHERS)] for cpus in GATHERED}
    counted = {cpus: _gathered(cpus, emulator, "-icount", linux.ICOUNT) for cpus in GATHERED}
    comparison = None
    for comparison in linux.compare(runs, emulator):
        _log.info(
            "bench: Linux, turn %d of %d: %s",
            comparison.runs,
            runs,
            "; ".join(
                f"{ours.words} by {other.words}:"
                f" hotplug {comparison.hotplug_ratio(ours, other):.3f},"
                f" kexec {comparison.kexec_ratio(ours, other):.3f}"
                for ours, other in PAIRS
            ),
        )
    if comparison is not None:
        ours = comparison.samples[Way.PSCI]
        found += figures.boot_figures(added, ours.added, ours.to_init)
        for one, other in PAIRS:
            hotplug = comparison.hotplug_ratio(one, other)
            kexec = comparison.kexec_ratio(one, other)
            found += figures.ratio_figures(one.words, other.words, hotplug, kexec, runs)
        found += figures.load_figures(comparison.samples[Way.LATE].load)
    _log.info("bench: timing returns of Linux")
    found += figures.leaving_figures(leaving.measure(emulator))
    found += figures.size_figures(few.code)
    found += figures.gather_figures(gathered, counted)
    _log.info("bench: the proof")
    found += proof.figures()
    found += proof.bytes_figures()
    return Report(_machine(emulator, kernel), tuple(found))


def _added(one: bare.BareRun) -> float:
    return one.seconds(one.logbook.handed_over_at - one.logbook.entered_at)


def _gathered(cpus: int, emulator: Emulator, *more: str) -> float:
    one = bare.measure(bare.machine(cpus), emulator, more)
    return one.seconds(one.logbook.gather_ended_at - one.logbook.gather_began_at)


def _machine(emulator: Emulator, kernel: trimmed.TrimmedKernel) -> dict[str, str | int]:
    return {
        "roundpen": __version__,
        "host": f"{platform.system()} {platform.release()} {platform.machine()}",
        "host_cpu": cpu_model(),
        "host_cores": os.cpu_count() or 0,
        "load": f"{os.getloadavg()[0]:.1f}",
        "qemu": ".".join(map(str, emulator.version)),
        "kernel": f"Linux {kernel.version}, flavour {kernel.flavour}",
        "pen_machine": linux.PEN,
        "yardstick": linux.YARDSTICK,
    }


def cpu_model() -> str:
    """The host's CPU in its kernel's words."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "CPU part"):
            return value.strip()
    return platform.processor()

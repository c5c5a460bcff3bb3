# SPDX-License-Identifier: BSD-2-Clause
"""Scenario and number of CPUs -> the lines of the guest's /scenario. Pure."""

from __future__ import annotations

from roundpen.lab.course import Leaving, Stage, stages
from roundpen.lab.scenario import Crash, Scenario, logbook_step


def steps(scenario: Scenario, cpus: int) -> list[str]:
    """The lines for a machine with `cpus` CPUs, generation by generation."""
    return [
        f"{stage.generation} {step}"
        for stage in stages(scenario, cpus)
        for step in _of_one(scenario, stage)
    ]


def _of_one(scenario: Scenario, stage: Stage) -> list[str]:
    found = ["report", "work first"]
    kvm = ["kvm first"] if scenario.kvm else []
    found += kvm
    if stage.refused_first:
        found.append("before")
    if stage.late and scenario.late is not None:
        words = scenario.late.parameters if stage.generation == 0 else ""
        found.append(f"late {words}".rstrip())
    if stage.unplugged:
        found.append(f"hotplug {scenario.cycles} {' '.join(map(str, stage.unplugged))}")
    if scenario.cycles:
        found += ["work after-hotplug", *(["kvm after-hotplug"] if kvm else [])]
    found.append(logbook_step())
    if stage.leaving is Leaving.JUMP:
        dropped = scenario.limit if stage.generation == 0 else ""
        return [*found, f"load {dropped}".rstrip(), "jump", "finish stay"]
    if stage.leaving is Leaving.CRASH and scenario.crash is not None:
        return [*found, *_crash(scenario.crash), "finish stay"]
    if scenario.modules:
        found.append("modules " + " ".join(scenario.modules))
    found += scenario.extra
    if stage.refused:
        found.append("load")
    return [*found, f"finish {scenario.ending.value}"]


def _crash(crash: Crash) -> list[str]:
    spinning = "-" if crash.spinning is None else crash.spinning
    return [f"load-capture {crash.append}".rstrip(), f"crash {crash.cpu} {spinning}"]

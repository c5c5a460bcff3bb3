# SPDX-License-Identifier: BSD-2-Clause
"""Which CPUs run what, as data: each scenario is one search. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from roundpen.contract.layout import CpuState, Offer
from roundpen.proof.bytes import binary, words
from roundpen.proof.bytes.node import Call
from roundpen.proof.bytes.programs import (
    FIRST_KERNEL,
    TREE,
    Gatherer,
    Kernel,
    Releasing,
    Returning,
    info,
    off,
    on,
)
from roundpen.proof.bytes.unfold import Program

Preset = tuple[int | None, str, int]
"""CPU (None: the logbook), field, value: what boot/ has written before the search begins."""


@dataclass(frozen=True)
class Scenario:
    """One search. `prologue`: CPUs in the order in which they run alone, each until it waits or
    has a choice; the interleavings begin behind it. `buffered`: a CPU's stores wait in a buffer,
    and reach memory in any order that keeps those to one word in theirs, until a barrier.
    """

    name: str
    describes: str
    area: words.Region
    programs: tuple[Program, ...]
    preset: tuple[Preset, ...]
    prologue: tuple[int, ...] = ()
    deep: bool = False
    buffered: bool = False


_BOOT_CPU: tuple[Preset, ...] = (
    (0, "state", CpuState.ON_PENDING.value),
    (0, "release", FIRST_KERNEL),
    (0, "context", TREE),
)
_BOOT_CPU_RETURN: tuple[Preset, ...] = (
    (0, "state", CpuState.ON.value),
    (0, "release", FIRST_KERNEL),
)


def _psci(
    name: str,
    describes: str,
    calls: tuple[tuple[Call, ...], ...],
    *,
    first: tuple[Call, ...] = (),
    deep: bool = False,
) -> Scenario:
    """`calls`: what each CPU's kernel may call, any of it, for ever; `first`: the boot CPU's."""
    cpus = len(calls)
    boot = Kernel(binary.ADOPT, calls[0], first)
    others = [Kernel(binary.ARRIVE, own) for own in calls[1:]]
    order = (*range(1, cpus), *(0,) * (1 + len(first)), *range(1, cpus))
    area = words.region(cpus, Offer.PSCI)
    return Scenario(name, describes, area, (boot, *others), _BOOT_CPU, order, deep)


def _lock(cpus: int, *, deep: bool = False) -> Scenario:
    calls = tuple((on(cpu, cpu),) for cpu in range(cpus))
    return _psci(
        f"lock-{cpus}",
        f"{cpus} CPUs take the lock again and again (CPU_ON for themselves)",
        calls,
        first=tuple(on(0, cpu) for cpu in range(1, cpus)),
        deep=deep,
    )


def _gather(cpus: int, *, deep: bool = False) -> Scenario:
    area = words.region(cpus, Offer.PSCI, barred=True)
    calls = tuple(call for cpu in range(1, cpus) for call in (on(0, cpu), info(cpu)))
    boot = Gatherer(binary.ADOPT, calls, (), area)
    others = [Kernel(binary.ARRIVE, (off(cpu),)) for cpu in range(1, cpus)]
    describes = f"{_count(cpus)} to gather while boot/ may lose patience; then CPU_ON and CPU_OFF"
    return Scenario(
        f"gather-{cpus}", describes, area, (boot, *others), _BOOT_CPU, (), deep
    )  # fmt: skip


def _return(cpus: int, level: int, *, deep: bool = False) -> Scenario:
    area = words.region(cpus, Offer.RETURN, level)
    others = [Returning(area, cpu) for cpu in range(1, cpus)]
    return Scenario(
        f"return-{cpus}-el{level}",
        f"release, return, receipt, release by another kernel, at EL{level}: {_count(cpus)}",
        area,
        (Releasing(area), *others),
        _BOOT_CPU_RETURN,
        tuple(range(1, cpus)),
        deep,
    )


def _stray() -> Scenario:
    """No prologue: it arrives at a level of its choice."""
    area = words.region(2, Offer.RETURN, 2)
    describes = "as return-2-el2, and the secondary may arrive or return at EL1"
    programs = (Releasing(area), Returning(area, 1, stray=1))
    return Scenario("stray-2", describes, area, programs, _BOOT_CPU_RETURN)


def _make() -> tuple[Scenario, ...]:
    hand_over = _psci(
        "hand-over-2",
        "CPU_ON and AFFINITY_INFO against CPU_OFF",
        ((on(0, 1), info(1)), (off(1), info(0))),
    )
    race = _psci(
        "race-3",
        "two CPUs call CPU_ON for a third, which calls CPU_OFF",
        ((on(0, 2),), (on(1, 2),), (off(2),)),
        first=(on(0, 1),),
    )
    sequential = (hand_over, race, _lock(2), _lock(3), _gather(2), _return(2, 2), _return(3, 2))
    buffered = (hand_over, _lock(2), _gather(2), _return(2, 2))
    return (*sequential, _return(3, 1), _stray(), *map(_buffered, buffered), *_more())


def _more() -> tuple[Scenario, ...]:
    """Those of --deep."""
    return (
        _psci(
            "watch-3",
            "as race-3, and both callers watch with AFFINITY_INFO",
            ((on(0, 2), info(2)), (on(1, 2), info(2)), (off(2),)),
            first=(on(0, 1),),
            deep=True,
        ),
        _psci(
            "chain-3",
            "one CPU starts a second, which starts a third; both come and go",
            ((on(0, 1),), (on(1, 2), off(1)), (off(2),)),
            deep=True,
        ),
        _gather(3, deep=True),
        _return(4, 2, deep=True),
        _buffered(_return(3, 2, deep=True)),
        _buffered(_lock(3, deep=True)),
    )


def _count(cpus: int) -> str:
    return "1 secondary" if cpus == 2 else f"{cpus - 1} secondaries"


def _buffered(scenario: Scenario) -> Scenario:
    describes = f"{scenario.describes}; store buffers"
    return replace(scenario, name=f"{scenario.name}-b", describes=describes, buffered=True)


def scenarios(*, deep: bool = False) -> tuple[Scenario, ...]:
    """Those of the default bound; with `deep` all."""
    return tuple(one for one in _make() if deep or not one.deep)

# SPDX-License-Identifier: BSD-2-Clause
"""What one kernel of a run says about CPUs that can't leave, and about virtual machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from roundpen.lab.course import Stage
from roundpen.lab.events import Event, kvm_seed
from roundpen.lab.scenario import Scenario

KVM_FACTOR = 0x9E3779B97F4A7C15
KVM_EXIT_MMIO = 6
"""include/uapi/linux/kvm.h."""
_BITS_64 = (1 << 64) - 1


def stuck(events: Sequence[Event]) -> dict[int, str]:
    """CPUs that the kernel named when it refused a kexec, with its reasons."""
    found: dict[int, str] = {}
    for event in events:
        cpu = event.number("cpu") if event.name == "stuck" else None
        if cpu is not None:
            found[cpu] = event.rest("why")
    return found


def check_stuck(found: Mapping[int, str], stage: Stage) -> Iterator[str]:
    """What is wrong with the CPUs that the kernel named."""
    wanted = stage.stuck if stage.refused else {}
    for cpu, words in wanted.items():
        if cpu not in found:
            yield f"kexec was refused without naming CPU {cpu}"
        elif words not in found[cpu]:
            yield f"kexec was refused for CPU {cpu} because {found[cpu]!r}, expected {words!r}"
    for cpu in sorted(set(found) - set(wanted)):
        yield f"the kernel says that CPU {cpu} can't leave it: {found[cpu]}"


def kvm_result(seed: int) -> int:
    """What the virtual machine must compute from its seed (guest/kvm_probe.c)."""
    return ((seed * KVM_FACTOR) & _BITS_64) ^ (seed >> 7)


def check_kvm(events: Sequence[Event], scenario: Scenario, nonce: str) -> Iterator[str]:
    """What is wrong with the virtual machines that were asked for."""
    if not scenario.kvm:
        return
    said = {event.value("label"): event for event in events if event.name == "kvm"}
    for label in scenario.labels():
        event = said.get(label)
        if event is None:
            yield f"no virtual machine was tried ({label})"
            continue
        wanted = kvm_result(kvm_seed(nonce, event.generation, label))
        right = event.number("exit") == KVM_EXIT_MMIO and event.value("value") == f"{wanted:#x}"
        if event.value("status") != "0" or not right:
            yield f"virtual machine: {event.text}, expected value={wanted:#x}"

# SPDX-License-Identifier: BSD-2-Clause
"""Rules about PSCI: what the node promises, and whether the CPUs agree."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.check.board import Board, Psci
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.rulebook.words import of

METHODS = ("smc", "hvc")


def node(board: Board) -> Psci | None:
    """The PSCI node that Linux takes: the first of the tree, if that one is enabled."""
    return board.taken_psci


@rule(
    "RP060",
    Severity.ERROR,
    "CPUs that want PSCI, and no PSCI node",
    why='enable-method = "psci" sends Linux to the node that says how to call PSCI. Without one '
    "no secondary starts.",
    do="Have the loader add the node that its firmware serves, or correct the enable-method.",
    source="Linux, drivers/firmware/psci/psci.c: psci_dt_init()",
)
def no_node(case: Case) -> Iterator[Hit]:
    """A secondary says psci; no enabled node does."""
    wanting = [cpu for cpu in case.board.secondaries if cpu.method == "psci"]
    if wanting and node(case.board) is None:
        disabled = [found.path for found in case.board.psci]
        yield Hit(
            wanting[0].path,
            "enable-method",
            f'"psci" on {of(wanting, case.board.usable)}, '
            + (f"{disabled[0]} is disabled" if disabled else "no PSCI node"),
            "an enabled node compatible with arm,psci-0.2 or newer",
            "add it, or correct the enable-method",
        )


@rule(
    "RP061",
    Severity.WARNING,
    "a PSCI node, and CPUs of a spin-table",
    why="One of them is wrong. Either firmware has PSCI, then the CPUs should use it and kexec "
    "just works; or it has none, then Linux calls into nothing when it reboots.",
    do="If firmware has PSCI, set each CPU's enable-method to psci; if not, remove the node or "
    'set its status to "disabled", as lk2nd does.',
    source="lk2nd, lk2nd/smp/spin-table/spin-table.c; Linux, sparx5_pcb125.dts",
)
def contradicts_cpus(case: Case) -> Iterator[Hit]:
    """An enabled node, and secondaries of a spin-table."""
    found = node(case.board)
    if found and case.board.spinning:
        yield Hit(
            found.path,
            "status",
            f"enabled, and {of(case.board.spinning, case.board.usable)} with spin-table",
            "PSCI everywhere, or nowhere",
            "find out whether firmware has PSCI, and make the tree say so",
        )


@rule(
    "RP062",
    Severity.ERROR,
    "a PSCI node without a usable method",
    why="method says which instruction calls PSCI. Without it Linux calls nobody.",
    do='Add method = "smc" (firmware at EL3) or "hvc" (above us at EL2).',
    source="Linux, drivers/firmware/psci/psci.c: get_set_conduit_method()",
)
def no_method(case: Case) -> Iterator[Hit]:
    """method is missing, or neither smc nor hvc."""
    for found in case.board.psci:
        if found.enabled and found.method not in METHODS:
            said = f'"{found.method}"' if found.method is not None else "none"
            yield Hit(found.path, "method", said, '"smc" or "hvc"', "name the right one")


@rule(
    "RP063",
    Severity.ERROR,
    "a PSCI method that does not work from the entry level",
    why="HVC goes to EL2. A kernel that was entered at EL2 calls itself with it, and no secondary "
    "ever starts. SMC goes to EL3, and a kernel at EL3 has nobody above it.",
    do='At EL2 firmware has to offer "smc", or enter the kernel at EL1.',
    source="Arm ARM (DDI 0487), HVC and SMC; DEN0022 (PSCI), 5.2.1",
)
def wrong_level(case: Case) -> Iterator[Hit]:
    """The level is known and the call would stay on it, or below."""
    found, level = node(case.board), case.system.entry_level
    if found is None or level is None or found.method not in METHODS:
        return
    called = 2 if found.method == "hvc" else 3
    if level >= called:
        yield Hit(
            found.path,
            "method",
            f'"{found.method}", which goes to EL{called}, with a kernel entered at EL{level}',
            f"a method that reaches a level above EL{level}",
            "correct the method, or the level at which the kernel is entered",
        )


@rule(
    "RP064",
    Severity.ERROR,
    "PSCI without CPU_OFF",
    why="PSCI 0.1 names the calls that it has by function ids in the node. Without one for "
    "cpu_off, CPUs can be started but not stopped: no hotplug, no kexec.",
    do="Use firmware with PSCI 0.2 or newer (boot-wrapper and U-Boot can; Trusted Firmware-A).",
    source="Linux, Documentation/devicetree/bindings/arm/psci.yaml; "
    "Linux, drivers/firmware/psci/psci.c: psci_0_1_init()",
)
def no_cpu_off(case: Case) -> Iterator[Hit]:
    """Linux takes the node for PSCI 0.1, and it has no cpu_off."""
    found = node(case.board)
    if found and not found.cpu_off:
        yield Hit(found.path, "cpu_off", "none", "a function id", "use newer firmware")


@rule(
    "RP065",
    Severity.NOTE,
    "a release address that nobody uses",
    why="Left over from a tree that was made for a spin-table. Harmless to Linux; a tool that goes "
    "by it would release CPUs that are not there.",
    do="Remove it, if you make the tree.",
    source="Trusted Firmware-A, plat/rpi/rpi4/rpi4_setup.c leaves it",
)
def leftover_address(case: Case) -> Iterator[Hit]:
    """cpu-release-addr beside enable-method psci."""
    left = [cpu for cpu in case.board.cpus if cpu.method == "psci" and cpu.release]
    if left:
        yield Hit(
            left[0].path,
            "cpu-release-addr",
            f'"psci" and a release address on {of(left, case.board.cpus)}',
            "one or the other",
            "remove the address",
        )

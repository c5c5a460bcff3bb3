# SPDX-License-Identifier: BSD-2-Clause
"""Rules about PSCI: what the node promises, and whether the CPUs agree."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.check.bearing import PENS, closes, spares, unsettles
from roundpen.check.board import Board, Psci
from roundpen.check.facts import METHODS
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.known import LossyPsci, psci_fault
from roundpen.check.rulebook.words import names, of


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
    bears=(
        unsettles(
            "late", "psci", because="if the loader adds the node of its PSCI", file_only=True
        ),
        closes("late", "psci", because="no node says how to call PSCI"),
        spares(*PENS, "firmware-return", "nr-cpus", "kdump"),
    ),
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
    "PSCI, and CPUs of a spin-table",
    why="One of them is wrong. Either firmware has PSCI, then all CPUs should use it and kexec "
    "just works; or it has none, then Linux calls into nothing: with a node when it reboots, with "
    "a CPU that says psci when that CPU is to leave.",
    do="If firmware has PSCI, set each CPU's enable-method to psci; if not, to spin-table, on "
    'the boot CPU too, which lk2nd leaves as it is, and the node\'s status to "disabled".',
    source="lk2nd, lk2nd/smp/spin-table/spin-table.c; Linux, sparx5_pcb125.dts",
)
def contradicts_cpus(case: Case) -> Iterator[Hit]:
    """Secondaries of a spin-table, and an enabled node, or a CPU that says psci."""
    board, found = case.board, node(case.board)
    asking = [cpu for cpu in board.usable if cpu.method == "psci"]
    if not board.spinning or not (found or asking):
        return
    spinning = f"{of(board.spinning, board.usable)} with spin-table"
    if found:
        where, prop, said = found.path, "status", "enabled"
    else:
        where, prop, said = asking[0].path, "enable-method", f'"psci" on {names(asking)}'
    yield Hit(
        where,
        prop,
        f"{said}, and {spinning}",
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
    bears=(
        closes("late", "psci", because="the PSCI node does not say how to call it"),
        spares(*PENS, "firmware-return", "nr-cpus", "kdump"),
    ),
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
    bears=(
        closes("late", "psci", because="the call does not reach the firmware"),
        spares(*PENS, "firmware-return", "nr-cpus", "kdump"),
    ),
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
    "cpu_off, CPUs can be started but not stopped. Linux offers hotplug and accepts kexec all the "
    "same; the jump then fails half-way (`Failed to offline CPU1 - error=-95`) in a kernel BUG.",
    do="Use firmware with PSCI 0.2 or newer (boot-wrapper and U-Boot can; Trusted Firmware-A).",
    source="Linux, Documentation/devicetree/bindings/arm/psci.yaml; "
    "Linux 6.1, drivers/firmware/psci/psci.c: psci_0_1_init(); arch/arm64/kernel/psci.c: "
    "cpu_psci_cpu_disable()",
    bears=(
        closes("psci", because="no CPU_OFF: kexec is accepted, and the jump ends in a kernel BUG"),
        closes("late", because="the module knows PSCI 0.2 and newer"),
        unsettles(
            "kdump",
            because="if the other CPUs don't matter: each dies in the call that is not there",
        ),
        spares(*PENS, "firmware-return", "nr-cpus"),
    ),
)
def no_cpu_off(case: Case) -> Iterator[Hit]:
    """Linux takes the node for PSCI 0.1, it has no cpu_off, and CPUs go by it."""
    found = node(case.board)
    used = any(cpu.method == "psci" for cpu in case.board.usable)
    if found and used and not found.cpu_off:
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


def _fault(case: Case, *, certain: bool) -> Iterator[Hit]:
    """What is known against this board's PSCI (src/roundpen/check/psci.toml)."""
    row: LossyPsci | None = psci_fault(case.board)
    if row is not None and row.certain is certain:
        found = node(case.board)
        where = found.path if found else "/psci"
        yield Hit(where, "", f"{row.name}: {row.seen}", "PSCI that gives CPUs back", row.do)


@rule(
    "RP066",
    Severity.ERROR,
    "PSCI that loses CPUs",
    why="Firmware answers CPU_OFF, and the CPU never comes back from it: CPU hotplug loses CPUs, "
    "and after kexec one CPU is left. That a tree promises PSCI, and that CPUs started, is no "
    "proof of the way back. The list is a file, with what was seen and where.",
    do="Don't take CPUs offline on such a board without the late pen, which never lets the call "
    "reach the firmware, and prefer an ordinary reboot to kexec without it, until the firmware is "
    "mended.",
    source="src/roundpen/check/psci.toml, each row with its own source",
    bears=(
        closes("psci", because="this firmware loses each CPU that goes off: one is left"),
        spares("late", *PENS, "firmware-return", "nr-cpus", "kdump"),
    ),
)
def loses_cpus(case: Case) -> Iterator[Hit]:
    """A board whose firmware is known to lose CPUs, and CPUs that go by its PSCI."""
    yield from _fault(case, certain=True)


@rule(
    "RP067",
    Severity.WARNING,
    "PSCI with reports of lost CPUs",
    why="On some boards of this kind CPUs did not come back from CPU_OFF, or the PSCI that the "
    "tree promises is not there at all. Others work. The list is a file, with what was seen.",
    do="Check the running system, then try it: take each CPU offline and online once before you "
    "trust it with kexec.",
    source="src/roundpen/check/psci.toml, each row with its own source",
    bears=(
        unsettles("psci", because="if this board is none of those that lost CPUs, or lack PSCI"),
    ),
)
def may_lose_cpus(case: Case) -> Iterator[Hit]:
    """A board of a kind with such reports, and CPUs that go by PSCI."""
    yield from _fault(case, certain=False)


@rule(
    "RP068",
    Severity.NOTE,
    "idle states that the pen takes out of the tree",
    why="The pen's CPU_SUSPEND knows standby, arm,psci-suspend-param = <0>: it cannot take power "
    "away. Linux calls with whatever the tree says, without asking, and a CPU with nothing to do "
    "would spin through refused calls. So the pen leaves such states out of the tree that Linux "
    "sees, and idle CPUs wait in WFI.",
    do="Nothing. Without the pen Linux does not use these states either: they want PSCI.",
    source="Linux 6.1, drivers/cpuidle/cpuidle-psci.c: psci_dt_parse_state_node(); "
    "pen/boot/idle.c; DEN0022 (PSCI), 5.1.2",
)
def refused_states(case: Case) -> Iterator[Hit]:
    """CPUs of a spin-table, and idle states of which the parameter is not 0, or missing."""
    board = case.board
    having = [cpu for cpu in board.usable if cpu.path in board.refused_states]
    if board.spinning and having:
        states = board.refused_states[having[0].path]
        yield Hit(
            having[0].path,
            "cpu-idle-states",
            f"{', '.join(states)} on {of(having, board.usable)}",
            "states with arm,psci-suspend-param = <0>, or none",
            "nothing: the pen takes them out",
        )

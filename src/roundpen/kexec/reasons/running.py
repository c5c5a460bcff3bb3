# SPDX-License-Identifier: BSD-2-Clause
"""Reasons of the kernel that runs: its system calls, its locks, its CPUs, its module."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.check.bearing import State
from roundpen.kexec.reasons.reason import Judge, Reason, machine
from roundpen.kexec.situation import Situation
from roundpen.kexec.system import ARM64
from roundpen.kexec.wanted import SystemCall


def no_board(case: Situation) -> Iterator[Reason]:
    """Nothing is known of the CPUs without a tree."""
    if case.system.board is None:
        found = case.system.no_board or "this machine shows no device tree"
        yield machine("no-device-tree", found, "kexec as on any other machine: kexec -l, kexec -e")


def no_system_call(case: Situation) -> Iterator[Reason]:
    """The one that is asked for, or that the tree needs, is not built in."""
    wanted, running = case.wanted.system_call, case.system.running
    option = {SystemCall.LOAD: "KEXEC", SystemCall.FILE_LOAD: "KEXEC_FILE"}
    if wanted is not None and running.option(option[wanted]) is False:
        yield machine(
            "system-call",
            f"this kernel has no CONFIG_{option[wanted]}: there is no {wanted.value}",
            "leave the choice to roundpen",
        )


def switched_off(case: Situation) -> Iterator[Reason]:
    """sysctl kernel.kexec_load_disabled."""
    if case.system.running.kexec_disabled:
        yield machine(
            "kexec-load-disabled",
            "kernel.kexec_load_disabled is 1",
            "find what sets it (sysctl.d), and boot again: it can't be taken back",
        )


def used_up(case: Situation) -> Iterator[Reason]:
    """sysctl kernel.kexec_load_limit_reboot, since Linux 6.3."""
    if case.system.reboot_limit == 0:
        yield machine(
            "kexec-load-limit",
            "kernel.kexec_load_limit_reboot is 0: no load is left",
            "boot again: the limit can only be lowered",
        )


def locked_down(case: Situation) -> Iterator[Reason]:
    """kexec_load is refused, and kexec_file_load of what has no signature."""
    level, kernel = case.system.running.lockdown, case.inputs.kernel
    if level not in ("integrity", "confidentiality"):
        return
    if case.call is SystemCall.LOAD:
        yield machine(
            "lockdown",
            f"lockdown ({level}) refuses kexec_load",
            "start without lockdown (secure boot turns it on), or with a kernel that has "
            "CONFIG_KEXEC_FILE and trusts the next one's signature",
        )
    elif kernel is not None and not kernel.signed:
        yield machine(
            "lockdown",
            f"lockdown ({level}) wants a signature, and {kernel.path} has none",
            "take a signed kernel, or start without lockdown",
        )


def unsigned(case: Situation) -> Iterator[Reason]:
    """CONFIG_KEXEC_SIG_FORCE: kexec_file_load takes nothing without a signature."""
    kernel = case.inputs.kernel
    forced = case.system.running.option("KEXEC_SIG_FORCE")
    if case.call is SystemCall.FILE_LOAD and forced and kernel is not None and not kernel.signed:
        yield machine(
            "signature",
            f"this kernel wants a signature (KEXEC_SIG_FORCE), and {kernel.path} has none",
            "take a signed kernel",
        )


def bad_running_kernel(case: Situation) -> Iterator[Reason]:
    """known_kernels.toml, of the kernel that runs."""
    for row, certain in case.faults("running"):
        if certain:
            found = f"the running kernel, {case.system.release}: {row.seen}"
            yield machine(f"known-bad-{row.name}", found, row.do)


# --- the CPUs ------------------------------------------------------------------------------


def no_way(case: Situation) -> Iterator[Reason]:
    """The way that is asked for is closed, or every way is."""
    route = case.route
    if route is None or route.state is not State.CLOSED or case.system.board is None:
        return
    if case.wanted.way is not None:
        found = f"the way {case.wanted.way.value} is closed: {route.reason}"
        yield machine("way-closed", found, "leave --way out, or see `roundpen check --live`")
    else:
        yield machine(
            "no-way",
            f"no way is open; the first, {route.name}: {route.reason}",
            "see `roundpen check --live`",
        )


def cpus_lost(case: Situation) -> Iterator[Reason]:
    """A CPU that did not come to the pen: nobody knows what it executes."""
    lost = [
        cpu for cpu in (case.system.late.cpus if case.system.late else ()) if cpu.state == "lost"
    ]
    if case.late and lost:
        names = ", ".join(f"CPU {cpu.number}" for cpu in lost)
        yield machine("cpu-lost", f"{names} did not come to the pen", "boot again, by firmware")


def module_of_another_version(case: Situation) -> Iterator[Reason]:
    """What it says of the pen can't be read."""
    if case.system.late_unreadable:
        yield machine(
            "module-unreadable",
            case.system.late_unreadable,
            "install roundpen and its module from one release",
        )


def no_module(case: Situation) -> Iterator[Reason]:
    """modprobe would not find it."""
    system = case.system
    if case.late and system.late is None and system.module is None:
        yield machine(
            "module-missing",
            f"there is no module roundpen for this kernel, {system.release}",
            "install roundpen-dkms and this kernel's headers; or build module/ and insmod it",
        )


def module_without_pen(case: Situation) -> Iterator[Reason]:
    """It is in the kernel and shows nothing: no pen can be used."""
    system = case.system
    if case.late and system.module_loaded and system.late is None and not system.late_unreadable:
        yield machine(
            "module-without-pen", "the module roundpen is loaded and has no pen", "see dmesg"
        )


def loaded_before(case: Situation) -> Iterator[Reason]:
    """An image from before the module: its tree knows no pen, and the module refuses."""
    if case.late and case.system.late is None and case.system.running.kexec_loaded:
        yield machine(
            "loaded-before",
            "a kernel is loaded that knows no pen: the module refuses beside it",
            "kexec -u, then again",
        )


def no_program(case: Situation) -> Iterator[Reason]:
    """kexec-tools does the loading (load.py says why)."""
    if case.system.kexec_tools is None and case.system.machine in (None, ARM64):
        yield machine("no-kexec-tools", "kexec-tools is not installed", "install kexec-tools")


def lpi_tables(case: Situation) -> Iterator[Reason]:
    """GICv3: redistributors go on writing to tables that the next kernel does not know of."""
    for each in case.findings:
        if each.code == "RP086":
            yield machine(
                "lpi-tables",
                f"{each.node}: its tables are not handed on without EFI, and the next kernel's "
                "memory is overwritten",
                each.do,
            )


JUDGES: tuple[Judge, ...] = (
    no_board,
    no_system_call,
    switched_off,
    used_up,
    locked_down,
    unsigned,
    bad_running_kernel,
    no_way,
    cpus_lost,
    module_of_another_version,
    no_module,
    module_without_pen,
    loaded_before,
    no_program,
    lpi_tables,
)
"""All of this module, in the order in which they are said."""

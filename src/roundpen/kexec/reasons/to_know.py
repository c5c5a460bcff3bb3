# SPDX-License-Identifier: BSD-2-Clause
"""What to know before the jump. Nothing here refuses it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from roundpen.check.bearing import State
from roundpen.check.findings import Severity
from roundpen.kexec.reasons.reason import Judge, Reason, caution, size
from roundpen.kexec.reasons.room import is_short, is_stopped
from roundpen.kexec.situation import Situation
from roundpen.kexec.wanted import Way
from roundpen.kexec.way import module_way

_CONSOLES = {
    "ttyAMA": ("SERIAL_AMBA_PL011_CONSOLE",),
    "ttyMSM": ("SERIAL_MSM_CONSOLE", "SERIAL_QCOM_GENI_CONSOLE"),
    "ttySAC": ("SERIAL_SAMSUNG_CONSOLE",),
    "ttyS": ("SERIAL_8250_CONSOLE",),
    "hvc": ("HVC_DRIVER",),
}
"""By the beginning of a console's name: the options of which one has to be built in."""
_ONWARD = ("MODULES", "KPROBES", "HOTPLUG_CPU")
_LIMITS = re.compile(r"(?<!\S)(nr_cpus=\d+|maxcpus=\d+|nosmp)(?!\S)")


def unsettled(case: Situation) -> Iterator[Reason]:
    """The way depends on something."""
    if case.route is not None and case.route.state is State.DEPENDS:
        yield caution("way-depends", f"the way works {case.route.reason}", "see check --live")


def asked_for(case: Situation) -> Iterator[Reason]:
    """The late pen where nothing is known against PSCI."""
    board = case.system.board
    if case.wanted.way is not Way.LATE or board is None or case.system.late is not None:
        return
    if module_way(board) is not None:
        yield caution(
            "psci-set-aside",
            "the CPUs are run by PSCI; with the late pen no CPU_OFF reaches the firmware again "
            "until a reset, and the next kernel has a spin-table",
            "leave --way out if this firmware takes its CPUs back",
        )


def known_kernels(case: Situation) -> Iterator[Reason]:
    """known_kernels.toml: what is not certain here."""
    for whose in ("running", "next"):
        for row, certain in case.faults(whose):
            if not certain:
                yield caution(f"known-bad-{row.name}", f"the {whose} kernel: {row.seen}", row.do)


def chain_ends(case: Situation) -> Iterator[Reason]:
    """The next kernel can't go any further by the late pen."""
    inputs, kernel = case.inputs, case.inputs.kernel
    if kernel is None or case.way not in (Way.LATE, Way.NR_CPUS):
        return
    lacking = [name for name in _ONWARD if inputs.option(name) is False]
    if inputs.option("KEXEC") is False and inputs.option("KEXEC_FILE") is False:
        lacking.append("KEXEC")
    if lacking:
        names = ", ".join(f"CONFIG_{name}" for name in lacking)
        yield caution(
            "chain-ends",
            f"{kernel.release or kernel.path} has no {names}: from there it is no further by kexec",
            "nothing, if one jump is enough",
        )


def no_spin_table(case: Situation) -> Iterator[Reason]:
    """The next kernel would start one CPU."""
    kernel = case.inputs.kernel
    if kernel is not None and not kernel.knows_spin_table and case.way is not Way.PSCI:
        yield caution(
            "no-spin-table",
            f"{kernel.path} does not seem to know the enable-method spin-table: one CPU",
            "take another kernel, if all CPUs are wanted",
        )


def fewer_cpus(case: Situation) -> Iterator[Reason]:
    """Words that keep the next kernel from its CPUs."""
    for word in _LIMITS.findall(case.wanted.command_line):
        yield caution(
            "fewer-cpus",
            f"the next kernel's command line has {word}",
            "leave it out, if it is to have all CPUs",
        )


def no_console(case: Situation) -> Iterator[Reason]:
    """`Bye!` and silence: the next kernel has no console where this one has."""
    given = _words(case.wanted.command_line, "console")
    now = _words(case.system.running.command_line or "", "console")
    if now and not given:
        yield caution(
            "no-console",
            f"the next kernel's command line has no console=; the running one has {now[-1]}",
            f"add console={now[-1]}, to see it start",
        )
    for name in given:
        needed = next(
            (options for start, options in _CONSOLES.items() if name.startswith(start)), ()
        )
        if needed and all(case.inputs.option(option) is False for option in needed):
            yield caution(
                "no-console-driver",
                f"the next kernel has no CONFIG_{needed[0]} for console={name}",
                "expect silence until its system is up",
            )


def no_root(case: Situation) -> Iterator[Reason]:
    """The running kernel was told where its root is."""
    lacks = not _words(case.wanted.command_line, "root")
    told = _words(case.system.running.command_line or "", "root")
    if lacks and told and case.wanted.initrd is None:
        yield caution(
            "no-root",
            f"the next kernel's command line has no root=, and there is no initrd; the running one "
            f"has root={told[-1]}",
            "give --reuse-command-line, or --initrd",
        )


def _words(line: str, name: str) -> list[str]:
    return [
        word.partition("=")[2]
        for word in line.split(" -- ")[0].split()
        if word.startswith(f"{name}=")
    ]


def left_behind(case: Situation) -> Iterator[Reason]:
    """Parts of a unified kernel image that are not taken along."""
    for said in case.inputs.kernel.lost if case.inputs.kernel else ():
        yield caution("not-taken-along", said, "give --initrd and --command-line yourself")


def only_on_cpu_0(case: Situation) -> Iterator[Reason]:
    """Raspberry Pi 3 (RP018)."""
    for each in case.findings:
        if each.code == "RP018":
            yield caution(
                "cpu-0-only",
                "on this machine kernels boot on CPU 0 only: the late pen leaves it online, and a "
                "crash on another CPU gets no capture kernel",
                "keep CPU 0 online",
            )


def watchdogs(case: Situation) -> Iterator[Reason]:
    """Armed, and stopped in time or long enough."""
    for device in case.system.watchdogs:
        if device.active and not (is_short(device) and not is_stopped(case, device)):
            stopped = is_stopped(case, device)
            yield caution(
                "watchdog-armed",
                f"{device.name} is armed"
                + (
                    "; systemd switches it off at the jump, unless KExecWatchdogSec= is set"
                    if stopped
                    else f", {device.timeout} s"
                ),
                "have the next kernel's driver ready"
                if not stopped
                else "leave KExecWatchdogSec= unset",
            )


def loaded_already(case: Situation) -> Iterator[Reason]:
    """What is loaded is replaced."""
    if case.system.running.kexec_loaded and not (case.late and case.system.late is None):
        yield caution("replaces-loaded", "another kernel is loaded: it is replaced", "")


def reboot_jumps(case: Situation) -> Iterator[Reason]:
    """systemd jumps by itself when it is told to reboot and a kernel is loaded."""
    if case.wanted.load_only and case.system.systemd:
        yield caution(
            "reboot-jumps",
            "once a kernel is loaded, `reboot` jumps into it by itself (systemd)",
            "kexec -u unloads it; SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot goes by firmware",
        )


def little_memory(case: Situation) -> Iterator[Reason]:
    """With the loading program's own copy it gets tight."""
    needs = case.needs
    if needs is None or needs.available is None:
        return
    if needs.kernel <= needs.available < needs.most:
        yield caution(
            "memory-tight",
            f"the load takes up to {size(needs.most)} for a moment, {size(needs.available)} are "
            "available",
            "end what is not needed",
        )


def not_foreseen(case: Situation) -> Iterator[Reason]:
    """Without root the kernel shows no addresses."""
    if case.inputs.kernel is not None and not case.system.iomem.known:
        yield caution(
            "not-foreseen",
            "/proc/iomem shows no addresses: where segments lie can't be foreseen",
            "run it as root",
        )


def garbled(case: Situation) -> Iterator[Reason]:
    """A line that is none may have been a reservation."""
    count = case.system.iomem.garbled
    if count:
        yield caution(
            "iomem-garbled", f"{count} lines of /proc/iomem could not be read", "look at them"
        )


def other_findings(case: Situation) -> Iterator[Reason]:
    """Errors of `check --live` that close nothing here: somebody should know."""
    if case.route is None or case.way is None:
        return
    for each in case.findings:
        if each.severity is Severity.WARNING and each.code in ("RP112", "RP115"):
            yield caution(each.code, f"{each.title}: {each.found}", each.do)


JUDGES: tuple[Judge, ...] = (
    unsettled,
    asked_for,
    known_kernels,
    chain_ends,
    no_spin_table,
    fewer_cpus,
    no_console,
    no_root,
    left_behind,
    only_on_cpu_0,
    watchdogs,
    loaded_already,
    reboot_jumps,
    little_memory,
    not_foreseen,
    garbled,
    other_findings,
)
"""All of them, in the order in which they are said."""

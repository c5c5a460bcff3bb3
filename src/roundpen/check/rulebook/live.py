# SPDX-License-Identifier: BSD-2-Clause
"""Rules about the running system: its kernel, its command line, its state."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.check import facts
from roundpen.check.bearing import ALL, PENS, TAKES_CPUS_BACK, closes, spares, unsettles
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.rulebook.words import STAY_BEHIND

CONFIG = "/proc/config.gz"
CMDLINE = "/proc/cmdline"


def _kexec(case: Case) -> tuple[bool | None, bool | None]:
    return case.system.option("KEXEC"), case.system.option("KEXEC_FILE")


@rule(
    "RP100",
    Severity.ERROR,
    "a kernel without kexec",
    why="Neither of the two system calls is built in: `kexec` says `function not implemented`.",
    do="Another kernel is needed. CONFIG_KEXEC needs CONFIG_PM_SLEEP_SMP (CONFIG_SUSPEND or "
    "CONFIG_HIBERNATION), and is dropped without a word when that is missing; CONFIG_KEXEC_FILE "
    "needs nothing of the kind.",
    source="Linux 6.1, arch/arm64/Kconfig",
    live=True,
    bears=(closes(*ALL, because="this kernel has neither CONFIG_KEXEC nor CONFIG_KEXEC_FILE"),),
)
def no_kexec(case: Case) -> Iterator[Hit]:
    """Neither KEXEC nor KEXEC_FILE."""
    if _kexec(case) == (False, False):
        found = "neither CONFIG_KEXEC nor CONFIG_KEXEC_FILE"
        yield Hit(CONFIG, "", found, "one of them", "use a kernel with one of them")


@rule(
    "RP101",
    Severity.NOTE,
    "a kernel with kexec_load only",
    why="Debian's arm64 kernels are built this way. kexec_file_load is not there.",
    do="Load with `kexec -c -l`. kexec-tools falls back to it by itself unless told `-s`.",
    source="Debian 12, linux-image-arm64: KEXEC=y, KEXEC_FILE unset",
    live=True,
)
def only_load(case: Case) -> Iterator[Hit]:
    """KEXEC without KEXEC_FILE."""
    if _kexec(case) == (True, False):
        yield Hit(CONFIG, "CONFIG_KEXEC_FILE", "not set", "", "load with `kexec -c -l`")


@rule(
    "RP102",
    Severity.NOTE,
    "a kernel with kexec_file_load only",
    why="Raspberry Pi's kernels are built this way. kexec_load is not there, and tools that only "
    "know it say `function not implemented`. The kernel passes its own tree on: `--dtb` has no "
    "effect.",
    do="Load with `kexec -s -l`.",
    source="nixos-hardware#2034; Linux, arch/arm64/kernel/machine_kexec_file.c",
    live=True,
)
def only_file_load(case: Case) -> Iterator[Hit]:
    """KEXEC_FILE without KEXEC."""
    if _kexec(case) == (False, True):
        yield Hit(CONFIG, "CONFIG_KEXEC", "not set", "", "load with `kexec -s -l`")


@rule(
    "RP103",
    Severity.ERROR,
    "a kernel without CPU hotplug",
    why="Without it no CPU can leave the kernel, whoever offers PSCI: kexec is refused on every "
    "machine with more than one CPU.",
    do="Use a kernel with CONFIG_HOTPLUG_CPU=y.",
    source="Linux 6.1, arch/arm64/kernel/smp.c: have_cpu_die()",
    live=True,
    bears=(
        closes(*TAKES_CPUS_BACK, because="this kernel has no CONFIG_HOTPLUG_CPU"),
        STAY_BEHIND,
        spares("nr-cpus"),
    ),
)
def no_hotplug(case: Case) -> Iterator[Hit]:
    """HOTPLUG_CPU is off."""
    if case.system.option("HOTPLUG_CPU") is False and case.system.possible != 1:
        yield Hit(CONFIG, "CONFIG_HOTPLUG_CPU", "not set", "y", "use a kernel that has it")


@rule(
    "RP104",
    Severity.ERROR,
    "protected KVM",
    why="The hypervisor keeps EL2 for itself and can't be removed. Linux gives the same EBUSY and "
    "the same `CPUs are stuck` as for a spin-table: a different cause.",
    do="Start without `kvm-arm.mode=protected`.",
    source="Linux 6.1, arch/arm64/kernel/smp.c: cpus_are_stuck_in_kernel()",
    live=True,
    bears=(
        closes(
            "late",
            "psci",
            "pen-psci-el3",
            "pen-return",
            "firmware-return",
            "nr-cpus",
            because="protected KVM keeps EL2, and Linux refuses kexec",
        ),
        unsettles(
            "kdump", because="if the capture kernel can do without EL2, which protected KVM keeps"
        ),
        spares("pen-psci-el2"),
    ),
)
def protected_kvm(case: Case) -> Iterator[Hit]:
    """kvm-arm.mode=protected is in force."""
    if case.system.word("kvm-arm.mode") == "protected" and case.system.entry_level != 1:
        yield Hit(CMDLINE, "kvm-arm.mode", "protected", "any other mode", "start without it")


@rule(
    "RP105",
    Severity.ERROR,
    "lockdown",
    why="A locked-down kernel refuses kexec_load, and kexec_file_load of anything without a "
    "signature that it trusts. A wrapped kernel has none.",
    do="Load a signed kernel with `kexec -s`, or start without lockdown (secure boot turns it on).",
    source="Linux, security/lockdown; man kernel_lockdown(7)",
    live=True,
    bears=(unsettles(*ALL, because="if the next kernel is signed, and loaded with `kexec -s`"),),
)
def lockdown(case: Case) -> Iterator[Hit]:
    """Lockdown is at integrity or confidentiality."""
    level = case.system.lockdown
    if level in ("integrity", "confidentiality"):
        yield Hit(
            "/sys/kernel/security/lockdown", "", level, "none", "load a signed kernel with -s"
        )


@rule(
    "RP106",
    Severity.ERROR,
    "kexec switched off",
    why="kernel.kexec_load_disabled is 1: nothing can be loaded until the next boot (EPERM).",
    do="Find who sets it (sysctl.d) and boot again; it can't be taken back.",
    source="Linux, Documentation/admin-guide/sysctl/kernel.rst",
    live=True,
    bears=(closes(*ALL, because="kernel.kexec_load_disabled is set until the next boot"),),
)
def disabled(case: Case) -> Iterator[Hit]:
    """The sysctl is set."""
    if case.system.kexec_disabled:
        path = "/proc/sys/kernel/kexec_load_disabled"
        yield Hit(path, "", "1", "0", "find what sets it, and boot again")


@rule(
    "RP108",
    Severity.ERROR,
    "a recipe that is unsafe: maxcpus=, nosmp",
    why="maxcpus=1 (or any number) still pulls every possible CPU out of firmware into this "
    "kernel's own memory. kexec is refused; where somebody patched that check out, it overwrites "
    "code that those CPUs execute. nosmp and maxcpus=0 leave them in firmware, and kexec is "
    "refused all the same.",
    do="Use nr_cpus=1, where firmware's loop is in reserved memory, or the pen. The late pen's "
    "module takes the CPUs too: it brings up those that maxcpus= left in the kernel's holding pen, "
    "and fetches those that nosmp left in the firmware's loop.",
    source="measured, QEMU virt, Linux 6.1; arch/arm64/kernel/smp.c: smp_prepare_cpus()",
    live=True,
    bears=(
        STAY_BEHIND,
        spares("late", "psci", *PENS, "firmware-return", "nr-cpus"),
    ),
)
def unsafe_recipe(case: Case) -> Iterator[Hit]:
    """maxcpus= or nosmp with a spin-table whose CPUs can't go back."""
    spinning = facts.spinning(*case)
    if not spinning or all(cpu.returns_to for cpu in spinning):
        return
    for name in ("maxcpus", "nosmp"):
        value = case.system.word(name)
        if value is not None:
            found = f"{name}={value}" if value else name
            yield Hit(CMDLINE, name, found, "nr_cpus=1, or neither", "use nr_cpus=1, or the pen")


@rule(
    "RP109",
    Severity.NOTE,
    "nr_cpus=1",
    why="kexec is not refused with one possible CPU. The other CPUs wait in firmware's loop: safe "
    "only where that is reserved. The second kernel starts them, and can then not kexec any more.",
    do="Leave nr_cpus=1 out of the second kernel's command line (mind --reuse-cmdline).",
    source="measured, QEMU virt, Linux 6.1: accepted, 4 of 4 CPUs in the second kernel",
    live=True,
)
def one_cpu(case: Case) -> Iterator[Hit]:
    """The command line limits the kernel to one CPU."""
    if case.system.word("nr_cpus") == "1" and len(case.board.usable) > 1:
        yield Hit(CMDLINE, "nr_cpus", "1", "", "leave it out of the second kernel's command line")


@rule(
    "RP110",
    Severity.WARNING,
    "an armed watchdog",
    why="It goes on counting through kexec and resets the machine while the second kernel starts, "
    "unless that takes it over in time.",
    do="Stop it before the jump (systemd: KExecWatchdogSec=), or make sure that the second kernel "
    "has its driver.",
    source="Linux, Documentation/watchdog/watchdog-api.rst; man systemd-system.conf(5)",
    live=True,
)
def watchdog(case: Case) -> Iterator[Hit]:
    """A watchdog's state is active."""
    for name in case.system.watchdogs:
        yield Hit(f"/sys/class/watchdog/{name}", "state", "active", "inactive", "stop it first")


@rule(
    "RP111",
    Severity.NOTE,
    "a kernel is loaded already",
    why="The next `reboot` may jump to it: systemd does so by itself.",
    do="`kexec -u` unloads it.",
    source="Linux, Documentation/ABI/testing/sysfs-kernel-kexec-kdump",
    live=True,
)
def loaded(case: Case) -> Iterator[Hit]:
    """kexec_loaded is 1."""
    if case.system.kexec_loaded:
        yield Hit("/sys/kernel/kexec_loaded", "", "1", "", "`kexec -u`, if you don't want it")


@rule(
    "RP112",
    Severity.WARNING,
    "CPUs that are not online",
    why="A CPU that never came up may be in firmware, or lost inside this kernel. After kexec it "
    "may be missing too.",
    do="Bring it online and look at the kernel's log; `roundpen status` where a pen is at work.",
    source="Linux, Documentation/core-api/cpu_hotplug.rst",
    live=True,
    bears=(
        unsettles(
            "psci", "firmware-return", because="if the CPUs that are not online were not lost"
        ),
    ),
)
def offline(case: Case) -> Iterator[Hit]:
    """Fewer CPUs are online than Linux counts in the tree, and no limit was asked for."""
    online, named = case.system.online, len(case.board.possible)
    limits = ("maxcpus", "nosmp", "nr_cpus")
    if online is None or any(case.system.word(name) is not None for name in limits):
        return
    if online < named:
        path = "/sys/devices/system/cpu/online"
        yield Hit(path, "", f"{online} CPUs", f"the {named} of the tree", "see the kernel's log")


@rule(
    "RP113",
    Severity.ERROR,
    "CPUs that cannot be switched off",
    why="With PSCI or a way back every secondary has a switch in sysfs. Where one lacks it, the "
    "kernel has no way to take that CPU out, and refuses kexec.",
    do="Look at the kernel's log for psci: firmware's CPU_OFF is missing or broken, or a trusted "
    "OS lives on that CPU.",
    source="Linux, arch/arm64/kernel/setup.c: cpu_can_disable(); drivers/firmware/psci/psci.c",
    live=True,
    bears=(
        closes("psci", "firmware-return", because="a CPU can't be switched off"),
        STAY_BEHIND,
        spares("late", *PENS, "nr-cpus"),
    ),
)
def no_switch(case: Case) -> Iterator[Hit]:
    """A secondary has no `online` in sysfs although all secondaries should be able to go."""
    board, numbers = case.board, case.system.cannot_offline
    can_go = all(cpu.method == "psci" or cpu.returns_to for cpu in board.secondaries)
    if numbers and can_go and case.system.option("HOTPLUG_CPU") is not False:
        found = ", ".join(f"cpu{number}" for number in numbers)
        yield Hit("/sys/devices/system/cpu", "", found, "none", "see the kernel's log for psci")


@rule(
    "RP114",
    Severity.NOTE,
    "the tree without its reservations",
    why="/sys/firmware/fdt could not be read (it needs root), and /proc/device-tree has no "
    "/memreserve/ entries. Rules about unreserved words can say nothing. kexec-tools falls back "
    "in the same way, and the second kernel then lacks the reservations.",
    do="Run it as root.",
    source="kexec-tools 2.0.25, kexec/arch/arm64/kexec-arm64.c",
    live=True,
)
def no_block(case: Case) -> Iterator[Hit]:
    """The tree was put together from /proc/device-tree."""
    if not case.system.whole_tree:
        yield Hit("/sys/firmware/fdt", "", "not readable", "readable", "run it as root")


@rule(
    "RP115",
    Severity.WARNING,
    "the pen's logbook complains",
    why="The pen recorded a CPU that did not arrive, came at another level, or took an exception.",
    do="`roundpen status` shows each CPU; docs/formats.md has the states.",
    source="docs/formats.md, CPU states",
    live=True,
    bears=(
        unsettles(
            "psci",
            "firmware-return",
            because="if the CPUs that the pen's logbook complains of are not needed",
        ),
    ),
)
def logbook(case: Case) -> Iterator[Hit]:
    """A CPU of the logbook is not where it should be."""
    for line in case.system.logbook:
        yield Hit("logbook", "", line, "off or on", "see `roundpen status`")


@rule(
    "RP120",
    Severity.ERROR,
    "kexec would boot on another CPU than 0",
    why="On this machine a kernel that is entered on another CPU than 0 hangs (RP018). kexec jumps "
    "on the CPU that /sys/kernel/reboot/cpu names, or on the first that is online.",
    do="`echo 1 > /sys/devices/system/cpu/cpu0/online` and `echo 0 > /sys/kernel/reboot/cpu`.",
    source="Linux, kernel/reboot.c: migrate_to_reboot_cpu(); drivers/irqchip/irq-bcm2836.c",
    live=True,
    bears=(
        closes(
            "late",
            "psci",
            "firmware-return",
            "nr-cpus",
            because="the next kernel hangs: not on CPU 0",
        ),
        spares(*PENS, "kdump"),
    ),
)
def not_on_cpu_0(case: Case) -> Iterator[Hit]:
    """RP018's machine, and CPU 0 is offline, or another is to reboot."""
    system = case.system
    if not case.board.cpu_0_only:
        return
    if 0 in system.offline:
        path = "/sys/devices/system/cpu/cpu0/online"
        yield Hit(path, "", "0", "1", "bring CPU 0 online before kexec")
    elif system.reboot_cpu:
        path = "/sys/kernel/reboot/cpu"
        yield Hit(path, "", f"{system.reboot_cpu}", "0", "write 0 to it before kexec")

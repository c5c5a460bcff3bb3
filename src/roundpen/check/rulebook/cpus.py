# SPDX-License-Identifier: BSD-2-Clause
"""Rules about the CPUs' nodes: what they are called, and how many a machine can have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from roundpen.check.bearing import ALL, PENS, TAKES_CPUS_BACK, closes, spares, unsettles
from roundpen.check.board import MPIDR_AFFINITY, Cpu, Kind
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.rulebook.words import LEFT_OUT, MODULE_WANTS_ALL, of
from roundpen.contract import layout

_GICV2_MAX = 8
LEAVES_ONE_OUT = (
    unsettles("psci", *PENS, "firmware-return", because=LEFT_OUT),
    closes("late", because=MODULE_WANTS_ALL),
    spares("nr-cpus", "kdump"),
)


@rule(
    "RP001",
    Severity.ERROR,
    "no CPUs in the tree",
    why="Without CPU nodes below /cpus Linux runs on the CPU that it was entered on, and nobody "
    "can say what kexec has to account for.",
    do="Give the tree that the loader hands to the kernel; an overlay has to be merged first.",
    source="Devicetree Specification 0.4, 3.8",
    bears=(closes(*ALL, because="the tree names no CPUs"),),
)
def no_cpus(case: Case) -> Iterator[Hit]:
    """There is no CPU node, and the tree is no overlay."""
    if not case.board.cpus and case.board.kind is Kind.BOARD:
        yield Hit("/cpus", "", "no CPU node", "one per CPU", "give the tree of an arm64 board")


@rule(
    "RP010",
    Severity.WARNING,
    "a unit address that is not the CPU's reg",
    why="What stands behind the @ has to be reg in hexadecimal. Linux goes by reg, people and some "
    "loaders by the name; they then mean different CPUs.",
    do="Correct whichever is wrong: reg is the affinity part of the CPU's MPIDR_EL1.",
    source="Devicetree Specification 0.4, 2.2.1; dtc warns of it (unit_address_format, reg)",
)
def unit_is_not_reg(case: Case) -> Iterator[Hit]:
    """The name and reg differ. A unit of two parts ("1,0") is compared by its parts' value."""
    odd = [
        cpu
        for cpu in case.board.cpus
        if cpu.unit is not None and cpu.hwid is not None and _unit_value(cpu.unit) != cpu.hwid
    ]
    if odd:
        yield Hit(
            odd[0].path,
            "reg",
            f"{odd[0].hwid:#x}; not as the name on {of(odd, case.board.cpus)}",
            f"{odd[0].unit} as in the name",
            "correct one of them",
        )


def _unit_value(unit: str) -> int | None:
    """The number in a unit address; None when it is none. Commas separate 32-bit cells."""
    value = 0
    for part in unit.split(","):
        try:
            value = value << 32 | int(part, 16)
        except ValueError:
            return None
    return value


@rule(
    "RP011",
    Severity.ERROR,
    "a CPU id that MPIDR_EL1 cannot have",
    why="reg is the affinity part of MPIDR_EL1: bits 39-32 and 23-0. Linux leaves out a CPU with "
    "any other bit set: no CPU will ever say that this is its name.",
    do="Remove bit 31 (RES1), U and MT: reg is MPIDR_EL1 & 0xff00ffffff.",
    source="Linux, arch/arm64/kernel/smp.c: of_get_cpu_hwid(), `has invalid reg property`",
    bears=LEAVES_ONE_OUT,
)
def no_mpidr(case: Case) -> Iterator[Hit]:
    """reg has bits outside the affinity fields."""
    board = case.board
    odd = [cpu for cpu in board.cpus if cpu.hwid is not None and cpu.hwid & ~MPIDR_AFFINITY]
    if odd:
        first = odd[0].hwid or 0
        yield Hit(
            odd[0].path,
            "reg",
            f"{first:#x}; such an id on {of(odd, board.cpus)}",
            f"bits within {MPIDR_AFFINITY:#x}",
            f"{first & MPIDR_AFFINITY:#x}, if that is the CPU's affinity",
        )


@rule(
    "RP012",
    Severity.ERROR,
    "two CPUs with one id",
    why="A CPU's MPIDR_EL1 is its name. Linux leaves out the second of two with one name; the pen "
    "steps aside.",
    do="Correct reg.",
    source="Linux, arch/arm64/kernel/smp.c: `duplicate cpu reg properties in the DT`; "
    "pen refusal DUPLICATE_CPU",
    bears=(
        closes(*PENS, because="two CPUs have one id (DUPLICATE_CPU)"),
        unsettles("psci", "firmware-return", because=LEFT_OUT),
        closes("late", because=MODULE_WANTS_ALL),
        spares("nr-cpus", "kdump"),
    ),
)
def duplicate_ids(case: Case) -> Iterator[Hit]:
    """reg occurs twice."""
    seen: dict[int, list[Cpu]] = defaultdict(list)
    for cpu in case.board.cpus:
        if cpu.hwid is not None:
            seen[cpu.hwid].append(cpu)
    for hwid, cpus in seen.items():
        if len(cpus) > 1:
            found = f"{hwid:#x} on {of(cpus, case.board.cpus)}"
            yield Hit(cpus[1].path, "reg", found, "an id of its own", "correct it")


@rule(
    "RP013",
    Severity.ERROR,
    "a CPU without a usable reg",
    why="Linux leaves the CPU out, and so does the pen.",
    do="Give reg as many cells as #address-cells of /cpus says: 1 or 2. Without it there, that of "
    "the root counts, and 1 without both.",
    source="Linux, arch/arm64/kernel/smp.c: of_get_cpu_hwid(); "
    "Linux, Documentation/devicetree/bindings/arm/cpus.yaml",
    bears=LEAVES_ONE_OUT,
)
def unusable_reg(case: Case) -> Iterator[Hit]:
    """reg is missing, or shorter than one address."""
    without = [cpu for cpu in case.board.cpus if cpu.hwid is None]
    if without:
        yield Hit(
            without[0].path,
            "reg",
            f"missing, or shorter than one address, on {of(without, case.board.cpus)}",
            "the CPU's id, in the cells that /cpus says",
            "correct reg or #address-cells",
        )


@rule(
    "RP014",
    Severity.NOTE,
    "more CPUs than the pen has slots",
    why=f"The pen has room for {layout.SLOT_MAX} CPUs and steps aside when there are more.",
    do="None: another route is needed.",
    source="pen refusal TOO_MANY_CPUS",
    bears=(closes("late", *PENS, because=f"more than {layout.SLOT_MAX} CPUs (TOO_MANY_CPUS)"),),
)
def too_many_for_the_pen(case: Case) -> Iterator[Hit]:
    """There are spin-table CPUs, and more CPUs than slots."""
    count = len(case.board.cpus)
    if count > layout.SLOT_MAX and case.board.spinning:
        yield Hit("/cpus", "", f"{count} CPUs", f"at most {layout.SLOT_MAX}", "take another route")


@rule(
    "RP015",
    Severity.WARNING,
    "a cpu-map that does not fit the CPUs",
    why="Linux builds the scheduler's picture of the machine from cpu-map, or drops all of it when "
    "one entry is wrong. It looks for the node below /cpus and nowhere else.",
    do="Let each entry's phandle be that of one CPU node; let cpu-map be a child of /cpus.",
    source="Linux, drivers/base/arch_topology.c: parse_dt_topology(); "
    "Linux, Documentation/devicetree/bindings/cpu/cpu-topology.txt",
)
def bad_cpu_map(case: Case) -> Iterator[Hit]:
    """An entry points to no CPU, or two point to one; or a cpu-map is not a child of /cpus."""
    for path in case.board.cpu_map_elsewhere:
        yield Hit(path, "", "where Linux does not look", "/cpus/cpu-map", "move it")
    seen: dict[int, str] = {}
    for path, index in case.board.cpu_map:
        if index is None:
            yield Hit(path, "cpu", "no CPU's phandle", "the phandle of a CPU", "correct it")
            continue
        first = seen.setdefault(index, path)
        if first != path:
            found = f"the same CPU as {first}"
            yield Hit(path, "cpu", found, "a CPU of its own", "correct it")


@rule(
    "RP016",
    Severity.WARNING,
    "a CPU that is marked as failed",
    why='status = "fail" says that firmware, or the pen, could not get the CPU going. Linux leaves '
    "it out since 5.18.",
    do="Look why: `roundpen status` where a pen is at work; else firmware's own messages.",
    source="Devicetree Specification 0.4, 2.3.4; docs/formats.md",
)
def failed(case: Case) -> Iterator[Hit]:
    """status is "fail" or "fail-..."."""
    for cpu in case.board.cpus:
        if cpu.failed:
            yield Hit(cpu.path, "status", f'"{cpu.status}"', '"okay"', "find out what failed")


@rule(
    "RP017",
    Severity.WARNING,
    "more CPUs than a GICv2 can interrupt",
    why=f"A GICv2 has {_GICV2_MAX} CPU interfaces. CPUs beyond them can't be interrupted, so Linux "
    "can't use them, and it can't tell them to leave.",
    do="Correct the number of CPUs, or the interrupt controller's compatible.",
    source="Arm GIC architecture specification, version 2 (IHI 0048)",
    bears=(
        unsettles(*TAKES_CPUS_BACK, because="if the CPUs beyond the eighth can be told to leave"),
    ),
)
def gicv2_is_full(case: Case) -> Iterator[Hit]:
    """More than 8 CPUs, and every interrupt controller of the GIC family is a GICv2."""
    board = case.board
    if board.gics and all(gic.version == 2 for gic in board.gics):
        count = len(board.usable)
        if count > _GICV2_MAX:
            yield Hit(
                board.gics[0].path,
                "compatible",
                f"a GICv2 and {count} CPUs",
                f"at most {_GICV2_MAX} CPUs",
                "correct the CPUs or the controller",
            )


@rule(
    "RP018",
    Severity.NOTE,
    "a machine whose kernels can only be booted on CPU 0",
    why="Linux' driver of this interrupt controller takes the kernel's number of a CPU for the "
    "hardware's. So the two have to agree, and a kernel that is entered on another CPU hangs "
    "without a word: its timer and its interrupts between CPUs are set up for the wrong ones. "
    "kexec jumps on CPU 0 unless that is offline, or /sys/kernel/reboot/cpu says otherwise; a "
    "capture kernel starts on the CPU that crashed.",
    do="Keep CPU 0 online before kexec (`echo 1 > /sys/devices/system/cpu/cpu0/online`, `echo 0 > "
    "/sys/kernel/reboot/cpu`). A crash that is provoked to try kdump has to be CPU 0's (`taskset "
    "-c 0 sh -c 'echo c > /proc/sysrq-trigger'`); for others there is no cure in the stock kernel. "
    "The late pen does not take CPU 0 offline here, and changes nothing about crashes.",
    source="measured, QEMU raspi3b, Linux 6.1 without a pen: a crash on CPU 2; "
    "drivers/irqchip/irq-bcm2836.c: smp_processor_id()",
    bears=(
        unsettles("kdump", because="if CPU 0 is the one that crashes: a kernel hangs on others"),
    ),
)
def only_on_cpu_0(case: Case) -> Iterator[Hit]:
    """The interrupt controller of the BCM2836 and BCM2837, and more than one CPU."""
    for path in case.board.cpu_0_only if len(case.board.usable) > 1 else ():
        yield Hit(
            path,
            "compatible",
            "brcm,bcm2836-l1-intc",
            "",
            "kexec with CPU 0 online; expect kdump to work for a crash on CPU 0 only",
        )


@rule(
    "RP019",
    Severity.NOTE,
    "a GICv5 below the pen",
    why="A kernel at EL1 uses a GICv5 only when EL2 has opened its registers, of which the pen "
    "knows nothing. It steps aside with the offer psci (GIC_V5). With the offer return the kernel "
    "stays where it is entered, and the controller is no matter.",
    do="Use the offer `return`. No board with a spin-table is known to have a GICv5.",
    source="Linux 7.2, Documentation/arch/arm64/booting.rst: GICv5; pen refusal GIC_V5",
    bears=(closes("pen-psci-el2", because="the pen steps aside below a GICv5 (GIC_V5)"),),
)
def gicv5(case: Case) -> Iterator[Hit]:
    """There are spin-table CPUs, and a GICv5 that is to be used."""
    for gic in case.board.gics if case.board.spinning else ():
        if gic.version == 5:
            yield Hit(gic.path, "compatible", "arm,gic-v5", "", "use the offer return")

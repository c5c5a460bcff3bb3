# SPDX-License-Identifier: BSD-2-Clause
"""The machines of the lab, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from fnmatch import fnmatchcase
from itertools import product
from typing import Literal

from roundpen.errors import UserError

Thread = Literal["single", "multi"]
"""QEMU's CPUs share one host thread, or have one each. Shared is the better default: CPUs that
spin yield to each other, where on threads of their own they burn the others' time, and a busy
host was seen to keep one away from the gather for half a second. One each is the only way to have
CPUs run at the same time."""


class Family(Enum):
    """How a machine starts its secondaries, and who prepared that."""

    BOARD = "board"
    """QEMU's model of a board, with QEMU's own spin-table stub and the kernel's stock tree."""
    VENDOR = "vendor"
    """QEMU `virt` under our EL3 vendor firmware, which knows only a spin-table."""
    PSCI = "psci"
    """QEMU `virt` with QEMU's own PSCI: the yardstick, no spin-table at all."""


@dataclass(frozen=True)
class Machine:
    """One machine of the lab. `memory` in MiB; `tree`: a DTB from the kernel's package."""

    name: str
    family: Family
    cpus: int
    board: str
    describes: str
    cpu: str = ""
    memory: int = 1024
    gic: int = 0
    words: str = ""
    entry_level: int = 2
    tree: str = ""
    console: str = ""
    serial: int = 0
    command_line: str = ""
    """What the kernel needs to be told because QEMU lacks something that the real board has."""
    least_qemu: int = 7
    thread: Thread = "single"
    resets: bool = False
    """Whether the board's tree names a way to reset and to switch off."""
    dirty: bool = False
    """Whether registers that are UNKNOWN at a reset hold garbage (the vendor family only)."""
    el2_unused: bool = False
    """Whether the CPUs have EL2, where nobody is: the firmware hands them over at EL1 and leaves
    HVC disabled (the vendor family only, with entry_level 1)."""

    @property
    def large_pages(self) -> bool:
        """Whether the CPU can run a kernel with 16 KiB pages (ID_AA64MMFR0_EL1.TGran16)."""
        return self.cpu.startswith(("max", "cortex-a76"))

    @property
    def boots_on_cpu_0(self) -> bool:
        """Whether Linux must start on CPU 0: irq-bcm2836 takes its number for the core's."""
        return self.board == RASPI3B.board

    @property
    def spin_table(self) -> bool:
        """Whether a stock kernel is expected to refuse kexec here."""
        return self.family is not Family.PSCI

    @property
    def returns(self) -> bool:
        """Whether the firmware itself takes CPUs back, by the return contract."""
        return self.words == RETURNING


RETURNING = "returning"
"""Words of their own, and a way back for each CPU: the return contract without a pen."""
_WORDS = {
    "unique": "spin-table with one word per CPU",
    "shared": "spin-table with one word for all",
    RETURNING: "spin-table that takes CPUs back",
}
_CPUS = {"a53": "cortex-a53", "a72": "cortex-a72", "max": "max,pauth-impdef=on"}
"""pauth-impdef: the architected pointer authentication takes most of an emulator's time; this
one is as visible to the kernel and the pen."""
_COUNTS = (2, 4, 8, 32)
_GICV2_CPUS = 8
"""QEMU's `virt` has no GICv2 for more."""

RASPI3B = Machine(
    name="raspi3b",
    family=Family.BOARD,
    cpus=4,
    board="raspi3b",
    describes="Raspberry Pi 3B, its stock device tree, entry at EL2",
    tree="bcm2837-rpi-3-b.dtb",
    console="ttyS1,115200",
    serial=1,
    resets=True,
)
RASPI4B = Machine(
    name="raspi4b",
    family=Family.BOARD,
    cpus=4,
    board="raspi4b",
    describes="Raspberry Pi 4B, its stock device tree, entry at EL2",
    memory=2048,
    tree="bcm2711-rpi-4-b.dtb",
    # Not the tree's own choice, ttyS1: the interrupt of QEMU's mini UART stays up here, and
    # the CPU that takes it does nothing else any more.
    console="ttyAMA0,115200",
    # QEMU models none of the HDMI blocks at 0x7ef00000; the stock tree has them, and their
    # drivers take an external abort.
    command_line="initcall_blacklist="
    "brcmstb_l2_driver_init,brcmstb_i2c_driver_init,clk_dvp_driver_init",
    least_qemu=9,
    resets=True,
)


def _vendor(words: str, level: int, gic: int, cpus: int, cpu: str) -> Machine:
    return Machine(
        name=f"virt-{words}-el{level}-gicv{gic}-{cpus}-{cpu}",
        family=Family.VENDOR,
        cpus=cpus,
        board="virt",
        describes=f"{cpus} x {_CPUS[cpu].partition(',')[0]}, {_WORDS[words]}, "
        f"entry at EL{level}, GICv{gic}",
        cpu=_CPUS[cpu],
        gic=gic,
        words=words,
        entry_level=level,
    )


def _yardstick(gic: int, cpus: int, cpu: str, name: str = "") -> Machine:
    return Machine(
        name=name or f"psci-gicv{gic}-{cpus}-{cpu}",
        family=Family.PSCI,
        cpus=cpus,
        board="virt",
        describes=f"{cpus} x {_CPUS[cpu].partition(',')[0]}, QEMU's own PSCI, GICv{gic}",
        cpu=_CPUS[cpu],
        gic=gic,
        entry_level=1,
    )


def _all() -> dict[str, Machine]:
    machines = [RASPI3B, RASPI4B, _yardstick(3, 4, "a53", name="psci")]
    pairs = [(gic, n) for gic, n in product((2, 3), _COUNTS) if gic == 3 or n <= _GICV2_CPUS]
    machines += [_yardstick(gic, n, cpu) for (gic, n), cpu in product(pairs, _CPUS)]
    machines += [
        _vendor(words, level, gic, n, cpu)
        for words, level, (gic, n), cpu in product(_WORDS, (2, 1), pairs, _CPUS)
    ]
    return {machine.name: machine for machine in machines}


MACHINES: dict[str, Machine] = _all()


_DIRTY = "-dirty"


def _one_of(values: Iterable[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


_SHAPE = f"gicv{_one_of((2, 3))}-{_one_of(_COUNTS)}-{_one_of(_CPUS)}"
FAMILIES: tuple[tuple[str, str], ...] = (
    (RASPI3B.name, RASPI3B.describes),
    (RASPI4B.name, f"{RASPI4B.describes}; needs QEMU {RASPI4B.least_qemu}"),
    (
        f"psci-{_SHAPE}",
        f"QEMU's own PSCI, the yardstick; more than {_GICV2_CPUS} CPUs: gicv3 only; "
        "psci alone: psci-gicv3-4-a53",
    ),
    (
        f"virt-{_one_of(_WORDS)}-el{_one_of((2, 1))}-{_SHAPE}",
        "a spin-table: a word per CPU, one for all, or one that takes CPUs back; GIC as above;\n"
        "      with -dirty behind the name: garbage in the registers that are UNKNOWN at a reset",
    ),
)
"""Name, or grammar of the names as a shell expands it, and what such a machine is."""


def matching(pattern: str) -> list[Machine]:
    """The machines whose names a shell's pattern matches.

    Raises UserError when there is none.
    """
    found = [machine for name, machine in MACHINES.items() if fnmatchcase(name, pattern)]
    if not found:
        raise UserError(f"no machine matches {pattern!r}", remedy="see `roundpen lab list`")
    return found


def machine(name: str) -> Machine:
    """The machine called `name`, or a dirty one of the vendor family: its name and `-dirty`.

    Raises UserError for an unknown name.
    """
    clean = MACHINES.get(name.removesuffix(_DIRTY))
    if clean is None or (name.endswith(_DIRTY) and clean.family is not Family.VENDOR):
        raise UserError(f"no machine called {name!r}", remedy="see `roundpen lab list`")
    if not name.endswith(_DIRTY):
        return clean
    return replace(clean, name=name, describes=f"{clean.describes}, dirty registers", dirty=True)

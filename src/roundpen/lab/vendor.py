# SPDX-License-Identifier: BSD-2-Clause
"""QEMU's `virt` under the vendor firmware: a board that starts its CPUs from a spin-table.

Pure: `vendor_tree`, `parameters` and `argv`. The edge is `arguments`, which asks QEMU for its
tree, writes the files beside the run and gives back the command line.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from roundpen.devicetree import Tree
from roundpen.errors import MachineError, RefusedError, UserError, reason_of
from roundpen.image.header import HEADER_SIZE, ImageHeader
from roundpen.lab.faults import LATE, Fault, Faulty, check
from roundpen.lab.firmware import build, params
from roundpen.lab.machines import Machine, Thread
from roundpen.lab.qemu import accelerator

RAM = 0x4000_0000
TREE_ADDRESS = 0x4800_0000
INITRD_ADDRESS = 0x4820_0000
"""Behind the 2 MiB that the largest tree may have."""
GICD = 0x0800_0000
GIC_CPU = {2: 0x0801_0000, 3: 0x080A_0000}
"""GICv2: CPU interface; GICv3: redistributors (QEMU, hw/arm/virt.c, base_memmap)."""
CLUSTER = {2: 8, 3: 16}
"""CPUs per Aff1 value: QEMU numbers by what one SGI can target."""
CPUS_MAX = {2: 8, 3: 123}

_DUMP_TIMEOUT = 60


@dataclass(frozen=True)
class VirtSpec:
    """One spin-table machine. CPUs are numbered in QEMU's order; 0 is the boot CPU.

    words: one release word per CPU, or one for all. entry_level: 2 (with EL2) or 1 (the machine
    has none). memory_mib: MiB of RAM. load_offset: bytes from the start of RAM to the base that
    the loader chose; the Image stands its own text_offset behind it. absent: CPUs that ignore
    their word. late: (CPU, seconds between its release and its arrival). strangers: CPUs that the
    firmware releases, but that the tree does not name. other_level: CPUs that arrive at EL1 while
    the boot CPU is at EL2. mte: the machine has tag memory. returns: the firmware takes CPUs back
    (the return contract). faulty: (CPU, what is wrong with its return). no_receipt: CPUs that
    come home and never say so. late_receipt: (CPU, seconds between its coming home and its saying
    so). dirty: registers that are UNKNOWN at a reset hold garbage, as they may on a board. hvc:
    the firmware enables HVC (SCR_EL3.HCE). el2_unused: the CPUs have EL2, and the firmware hands
    them over at EL1 all the same, with nobody at EL2.
    """

    cpus: int = 4
    cpu: str = "cortex-a72"
    gic: Literal[2, 3] = 2
    words: Literal["unique", "shared"] = "unique"
    entry_level: Literal[1, 2] = 2
    memory_mib: int = 1024
    load_offset: int = 0x20_0000
    absent: tuple[int, ...] = ()
    late: tuple[tuple[int, float], ...] = ()
    strangers: tuple[int, ...] = ()
    other_level: tuple[int, ...] = ()
    mte: bool = False
    thread: Thread = "single"
    returns: bool = False
    faulty: tuple[tuple[int, Fault], ...] = ()
    no_receipt: tuple[int, ...] = ()
    late_receipt: tuple[tuple[int, float], ...] = ()
    dirty: bool = False
    hvc: bool = True
    el2_unused: bool = False

    def __post_init__(self) -> None:
        """Refuse what QEMU or the firmware could not do. Raises UserError."""
        if not 1 <= self.cpus <= CPUS_MAX[self.gic]:
            raise UserError(
                f"virt machine: {self.cpus} CPUs; with GICv{self.gic} it has 1 to"
                f" {CPUS_MAX[self.gic]}"
            )
        named = {*self.absent, *self.strangers, *self.other_level, *(n for n, _ in self.late)}
        for number in sorted(named):
            if not 0 < number < self.cpus:
                raise UserError(
                    f"virt machine: CPU {number} can't be special; secondaries are numbered"
                    f" 1 to {self.cpus - 1}"
                )
        if self.el2_unused and self.entry_level != 1:
            raise UserError("virt machine: EL2 is not unused where the firmware enters it")
        if self.other_level and self.entry_level != 2:
            raise UserError("virt machine: without EL2 no CPU can arrive at another level")
        if self.load_offset < params.VENDOR_BASE + params.VENDOR_SIZE - RAM:
            raise UserError(
                f"virt machine: load offset {self.load_offset:#x} is inside the firmware's RAM,"
                " which ends at 0x200000"
            )

    @property
    def base_address(self) -> int:
        """Where an Image with a text_offset of 0 is loaded and entered."""
        return RAM + self.load_offset

    def mpidr(self, number: int) -> int:
        """The affinity of CPU `number`, as in MPIDR_EL1 and the tree."""
        size = CLUSTER[self.gic]
        return (number // size) << 8 | number % size

    def word(self, number: int) -> int:
        """The address of the release word of CPU `number`."""
        index = 0 if self.words == "shared" else number
        if not self.returns:
            return params.word_address(index)
        fault = self.fault(number)
        if fault is Fault.RAM_WORD:
            return self.ram_words + number * params.OWN_WORD_STRIDE
        if fault is Fault.SHARED_WORD:
            index -= 1
        # Behind the slot's MPIDR, which a word of 8 bytes at 4 would reach into.
        return params.own_word_address(index) + (0x84 if fault is Fault.ODD_WORD else 0)

    @property
    def ram_words(self) -> int:
        """Where release words in ordinary RAM lie: a page that only /memreserve/ keeps."""
        return RAM + self.memory_mib * 2**20 - 0x1_0000

    def fault(self, number: int) -> Fault | None:
        """What is wrong with the return of CPU `number`."""
        return dict(self.faulty).get(number)

    def return_entry(self, number: int) -> int:
        """The address at which CPU `number` is to come home, if the tree gives it one."""
        fault = self.fault(number)
        if fault is Fault.ZERO_ENTRY:
            return 0
        if number in self.no_receipt or number in dict(self.late_receipt):
            return params.LIAR_ENTRY
        return params.RETURN_ENTRY + (2 if fault is Fault.ODD_ENTRY else 0)


def spec_of(machine: Machine, faults: tuple[Faulty, ...] = ()) -> VirtSpec:
    """The lab's machine, one of the vendor family, as the firmware's own description of it.

    Raises UserError for faults that it can't have.
    """
    check(faults, machine)
    return VirtSpec(
        cpus=machine.cpus,
        cpu=machine.cpu,
        gic=3 if machine.gic == 3 else 2,
        words="shared" if machine.words == "shared" else "unique",
        entry_level=1 if machine.entry_level == 1 else 2,
        memory_mib=machine.memory,
        thread=machine.thread,
        returns=machine.returns,
        dirty=machine.dirty,
        hvc=not machine.el2_unused,
        el2_unused=machine.el2_unused,
        faulty=tuple((one.cpu, one.fault) for one in faults if one.fault.visible),
        no_receipt=tuple(one.cpu for one in faults if one.fault is Fault.NO_RECEIPT),
        late_receipt=tuple((one.cpu, LATE) for one in faults if one.fault is Fault.LATE_RECEIPT),
    )


def machine_arguments(spec: VirtSpec) -> list[str]:
    """The arguments that make the machine: its devices, CPUs and memory."""
    el2 = spec.entry_level == 2 or spec.el2_unused
    options = ["virt", "secure=on", f"virtualization={'on' if el2 else 'off'}",
               f"gic-version={spec.gic}"]  # fmt: skip
    if spec.gic == 3:
        options.append("its=off")
    if spec.mte:
        options.append("mte=on")
    return ["-machine", ",".join(options), "-accel", accelerator(spec.thread), "-cpu", spec.cpu,
            "-smp", str(spec.cpus), "-m", f"{spec.memory_mib}M", "-nic", "none"]  # fmt: skip


def vendor_tree(raw: bytes, spec: VirtSpec, command_line: str, initrd_size: int = 0) -> bytes:
    """QEMU's own tree `raw`, told the vendor's way: a spin-table and no PSCI.

    `initrd_size`: bytes at INITRD_ADDRESS, 0 without. Raises UserError on a damaged tree.
    """
    tree = Tree(raw, "QEMU's device tree")
    tree.remove_node("/psci")
    tree.remove_node("/secure-chosen")
    for path in tree.children("/"):
        # The firmware's own devices; the pl061 may be referred to only by others of these.
        if tree.text(path, "secure-status") == "okay" and tree.text(path, "status") == "disabled":
            tree.remove_node(path)
    # QEMU describes a topology that names every CPU, strangers included.
    tree.remove_node("/cpus/cpu-map")
    numbers = {spec.mpidr(number): number for number in range(spec.cpus)}
    for path in tree.children("/cpus"):
        number = numbers[tree.cells(path, "reg")[-1]]
        if number in spec.strangers:
            tree.remove_node(path)
            continue
        tree.set_text(path, "enable-method", "spin-table")
        tree.set_u64(path, "cpu-release-addr", spec.word(number))
        if spec.returns and spec.fault(number) is not Fault.NO_ENTRY:
            tree.set_u64(path, "cpu-return-addr", spec.return_entry(number))
    describe_boot(tree, command_line, initrd_size)
    _reserve(tree, spec)
    return tree.to_bytes()


def describe_boot(tree: Tree, command_line: str, initrd_size: int) -> None:
    """What a loader adds: the command line, and the initrd at INITRD_ADDRESS unless it has 0."""
    tree.set_text("/chosen", "bootargs", command_line)
    if initrd_size:
        tree.set_u64("/chosen", "linux,initrd-start", INITRD_ADDRESS)
        tree.set_u64("/chosen", "linux,initrd-end", INITRD_ADDRESS + initrd_size)


def _reserve(tree: Tree, spec: VirtSpec) -> None:
    """Keep the kernel out of the firmware's RAM; where CPUs come home, not even mapped."""
    if not spec.returns:
        tree.reserve(params.VENDOR_BASE, params.VENDOR_SIZE)
        return
    parent = "/reserved-memory"
    node = f"{parent}/vendor@{params.VENDOR_BASE:x}"
    tree.add_node(parent)
    for name in ("#address-cells", "#size-cells"):
        tree.set(parent, name, (2).to_bytes(4, "big"))
    tree.set(parent, "ranges", b"")
    tree.add_node(node)
    span = params.VENDOR_BASE.to_bytes(8, "big") + params.VENDOR_SIZE.to_bytes(8, "big")
    tree.set(node, "reg", span)
    tree.set(node, "no-map", b"")
    if any(fault is Fault.RAM_WORD for _, fault in spec.faulty):
        tree.reserve(spec.ram_words, 0x1_0000)


def parameters(spec: VirtSpec, entry: int, tree: int = TREE_ADDRESS) -> bytes:
    """The firmware's parameter block for this machine. `entry`: where the Image is entered."""
    delays, receipts = dict(spec.late), dict(spec.late_receipt)
    cpus = [
        params.Cpu(
            mpidr=spec.mpidr(number),
            word=spec.word(number),
            delay_us=round(delays.get(number, 0) * 1_000_000),
            absent=number in spec.absent,
            other_level=number in spec.other_level,
            returns=spec.returns and spec.fault(number) is not Fault.ODD_WORD,
            receipt_us=(
                None if number in spec.no_receipt else round(receipts.get(number, 0) * 1_000_000)
            ),
        )
        for number in range(spec.cpus)
    ]
    return params.block(
        cpus,
        image=entry,
        tree=tree,
        gic=spec.gic,
        gicd=GICD,
        gic_cpu=GIC_CPU[spec.gic],
        entry_level=spec.entry_level,
        dirty=spec.dirty,
        hvc=spec.hvc,
    )


@dataclass(frozen=True)
class Loads:
    """The files of one run: what lies where when the machine starts."""

    firmware: Path
    block: Path
    tree: Path
    image: Path
    entry: int
    """Where the Image is loaded and entered."""
    initrd: Path | None = None
    more: tuple[tuple[Path, int], ...] = ()
    """Further files, each with its address."""
    tree_address: int = TREE_ADDRESS


def argv(spec: VirtSpec, loads: Loads) -> list[str]:
    """QEMU's arguments for this machine and these files: no program name, serial or display."""
    placed = [
        (loads.firmware, params.VENDOR_BASE),
        (loads.block, params.VENDOR_PARAMS),
        (loads.tree, loads.tree_address),
        (loads.image, loads.entry),
        *([(loads.initrd, INITRD_ADDRESS)] if loads.initrd else []),
        *loads.more,
    ]
    out = [*machine_arguments(spec), "-bios", str(loads.firmware)]
    for path, address in placed:
        out += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
    return out


def arguments(
    spec: VirtSpec,
    image: Path,
    initrd: Path | None,
    command_line: str,
    workdir: Path,
    *,
    qemu: Sequence[str],
) -> list[str]:
    """Prepare a run in `workdir` (an existing folder) and give QEMU's arguments for it.

    Serial, display and the program's name are the caller's. `qemu`: how the QEMU of this run is
    started. It is asked for the tree: another version's would describe another machine.
    Raises MachineError when there is no QEMU or no compiler, or a file can't be written;
    UserError when the files don't fit.
    """
    try:
        initrd_size = initrd.stat().st_size if initrd else 0
        image_size = image.stat().st_size
        entry = spec.base_address + _text_offset(image)
    except OSError as error:
        raise MachineError(f"{error.filename}: cannot be read: {reason_of(error)}") from error
    _check_room(spec, image, range(entry, entry + image_size), initrd_size)
    tree = vendor_tree(qemu_tree(spec, workdir, qemu=qemu), spec, command_line, initrd_size)
    return argv(
        spec,
        Loads(
            firmware=build.binary(),
            block=_write(workdir / "vendor-params.bin", parameters(spec, entry)),
            tree=_write(workdir / "vendor.dtb", tree),
            image=image,
            entry=entry,
            initrd=initrd,
        ),
    )


def _text_offset(image: Path) -> int:
    """What an arm64 Image's header asks for; 0 for anything else."""
    with image.open("rb") as file:
        header = ImageHeader.parse(file.read(HEADER_SIZE))
    return header.text_offset if header else 0


def _check_room(spec: VirtSpec, image: Path, placed: range, initrd_size: int) -> None:
    if TREE_ADDRESS in placed:
        raise UserError(
            f"{image}: {len(placed)} bytes at {placed.start:#x} reach the device tree at"
            f" {TREE_ADDRESS:#x}"
        )
    end = RAM + spec.memory_mib * 2**20
    if INITRD_ADDRESS + initrd_size > end:
        raise UserError(
            f"virt machine: {spec.memory_mib} MiB of RAM don't hold an initrd of {initrd_size}"
            f" bytes at {INITRD_ADDRESS:#x}",
            remedy="give the machine more memory",
        )


def qemu_tree(spec: VirtSpec, workdir: Path, *, qemu: Sequence[str]) -> bytes:
    """The tree that QEMU itself makes for this machine; it ends before any CPU runs.

    `qemu`: the program and what stands before its arguments.

    Raises MachineError when QEMU is missing or refuses the machine.
    """
    out = workdir / "qemu.dtb"
    arguments_ = machine_arguments(spec)
    # A firmware has to be named, or QEMU describes the PSCI that it would offer itself.
    arguments_[1] += f",dumpdtb={out}"
    command = [*qemu, *arguments_, "-display", "none", "-bios", os.devnull]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_DUMP_TIMEOUT
        )
        if done.returncode:
            raise MachineError(f"{qemu[0]}: refuses the machine: {done.stderr.strip()}")
        return out.read_bytes()
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{qemu[0]}: no device tree after {_DUMP_TIMEOUT} s") from error
    except OSError as error:
        raise RefusedError(
            f"{qemu[0]}: cannot give its device tree: {reason_of(error)}",
            remedy="install qemu-system-arm (the name on Debian and Ubuntu)",
        ) from error


def _write(path: Path, data: bytes) -> Path:
    """Write beside, then rename: QEMU never loads half a file."""
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_bytes(data)
        beside.rename(path)
    except OSError as error:
        raise MachineError(f"{path}: cannot be written: {reason_of(error)}") from error
    return path

# SPDX-License-Identifier: BSD-2-Clause
"""Boot a machine of the lab with a tree of its own that was edited, and see what Linux makes of it.

One session: how many CPUs come, which can be unplugged, whether kexec is accepted on the last and
on the first of them, and where it was, what the jump comes to.
"""

from __future__ import annotations

import secrets
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from roundpen.contract.layout import Offer
from roundpen.devicetree import Tree
from roundpen.image import payload
from roundpen.image.wrap import wrap_file
from roundpen.lab import emulator, machines, qemu, run, session, vendor
from roundpen.lab.events import Event, parser
from roundpen.lab.guest import root
from roundpen.lab.guest.root import Member
from roundpen.lab.machines import Machine
from tests.trees.answer import Answer, answer

KERNEL = "lab-plain"
"""Linux as Debian publishes it, without the series of ours: its answer is what is wanted."""
SPINS = machines.machine("virt-unique-el2-gicv2-4-a72")
STOCK = "debian-6.1"
PI = machines.RASPI3B
PSCI = replace(machines.machine("psci-gicv2-4-a72"), entry_level=2)
"""QEMU's own PSCI, called by SMC: the kernel is entered at EL2, where a pen could work."""
TIMEOUT = {KERNEL: 150.0, STOCK: 600.0}
"""Wall seconds. A CPU that never comes costs Linux 5; a session without one takes about 5, that of
a stock kernel on a Raspberry Pi about 60."""
EARLY = "earlycon=pl011,0x9000000"
"""A kernel that dies before it has a console says why."""

Edit = Callable[[Tree], None]


@dataclass(frozen=True)
class Session:
    """What to boot: the machine, its tree's edit, more words for the command line.

    `drops`: words that a kexec'ed kernel is not told. `patience`: wall seconds for the session, 0
    for what TIMEOUT says.
    """

    machine: Machine
    edit: Edit
    words: str = ""
    drops: str = ""
    kernel: str = KERNEL
    patience: float = 0.0


@cache
def untouched(machine: Machine) -> bytes:
    """The machine's own tree, as its firmware hands it over; without command line and initrd."""
    package = session.kernel(STOCK).package if machine.tree else None
    if package is not None:
        return package.tree(machine.tree).read_bytes()
    program = emulator.find(machine).command
    with tempfile.TemporaryDirectory(prefix="roundpen-trees-") as name:
        folder = Path(name)
        if machine.family is machines.Family.VENDOR:
            spec = vendor.spec_of(machine)
            return vendor.vendor_tree(vendor.qemu_tree(spec, folder, qemu=program), spec, "")
        out = folder / "qemu.dtb"
        command = [*program, *_bare_arguments(machine), "-display", "none"]
        command[command.index("-machine") + 1] += f",dumpdtb={out}"
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return out.read_bytes()


def tree_of(wanted: Session) -> bytes:
    """The edited tree, without command line and initrd: what `check` and the pen judge."""
    tree = Tree(untouched(wanted.machine))
    wanted.edit(tree)
    return tree.to_bytes()


def boot(wanted: Session, wrap: Offer | None = None) -> tuple[Answer, list[str]]:
    """What Linux makes of the tree, behind the pen or without it; and all that the console said."""
    nonce = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="roundpen-trees-") as name:
        folder = Path(name)
        first = image = folder / "Image"
        image.write_bytes(payload.load(session.kernel(wanted.kernel).image).image)
        initrd = folder / "initrd.cpio"
        initrd.write_bytes(_guest(wanted, nonce, image))
        if wrap is not None:
            first = folder / "Image.wrapped"
            wrap_file(image, first, offer=wrap)
        program = emulator.find(wanted.machine).command
        arguments = _arguments(wanted, first, initrd, folder, program)
        watcher = _Watcher(nonce)
        command = [*program, *arguments, *qemu.common_arguments(wanted.machine)]
        limit = wanted.patience or TIMEOUT[wanted.kernel]
        console = run.run(command, watcher, timeout=limit, folder=folder)
    assert not console.status, console.diagnostics  # QEMU did not even start
    ended = console.stopped is run.Stopped.DONE
    return answer(console.lines, watcher.events, nonce, ended=ended), console.lines


class _Watcher:
    """Collects the guest's events; the session is over with the first `end`."""

    def __init__(self, nonce: str) -> None:
        self.events: list[Event] = []
        self._parse = parser(nonce)

    def __call__(self, line: str, seconds: float) -> bool:
        event = self._parse(line, seconds)
        if event is None:
            return False
        self.events.append(event)
        return event.name == "end"


def steps(cpus: int, drops: str = "") -> list[str]:
    """The guest's steps. The jump is taken where `kexec -l` was accepted by any CPU."""
    every = " ".join(map(str, range(cpus)))
    first = ["report", "cpus", "work first", f"hotplug 1 {every}", "work after-hotplug"]
    # The first CPU asks last: it is the one that jumps.
    first += [f"load-on {cpu} {drops}".rstrip() for cpu in (1, 0)]
    second = ["report", "cpus", "work first"]
    return [f"0 {step}" for step in (*first, "jump")] + [f"1 {step}" for step in second]


def _guest(wanted: Session, nonce: str, image: Path) -> bytes:
    lines = steps(wanted.machine.cpus, wanted.drops)
    return root.archive(
        root.base()
        | {
            "kexec/Image": Member(image.read_bytes()),
            "scenario": Member(("\n".join(lines) + "\n").encode()),
            "nonce": Member(f"{nonce}\n".encode()),
            "generation": Member(b"0\n"),
        }
    )


def _bare_arguments(machine: Machine) -> list[str]:
    nowhere = qemu.Guest(Path("/dev/null"), Path("/dev/null"), "")
    found = qemu.direct_arguments(machine, nowhere)
    return found[: found.index("-kernel")]


def _arguments(
    wanted: Session, image: Path, initrd: Path, folder: Path, program: Sequence[str]
) -> list[str]:
    """QEMU's arguments, with the edited tree where the machine's own would be."""
    machine = wanted.machine
    early = "" if machine.console else EARLY
    console = f"console={machine.console or 'ttyAMA0'}"
    words = " ".join(filter(None, (console, early, machine.command_line, wanted.words)))
    if machine.family is machines.Family.VENDOR:
        made = vendor.arguments(vendor.spec_of(machine), image, initrd, words, folder, qemu=program)
        _edit(folder / "vendor.dtb", wanted)
        return made
    path = folder / "edited.dtb"
    path.write_bytes(untouched(machine))
    if machine.family is machines.Family.BOARD:
        _edit(path, wanted)
        return qemu.direct_arguments(machine, qemu.Guest(image, initrd, words, path))
    tree = Tree(path.read_bytes())
    vendor.describe_boot(tree, words, initrd.stat().st_size)
    path.write_bytes(tree.to_bytes())
    _edit(path, wanted)
    return [*_bare_arguments(machine), *_loads(image, initrd, path, folder)]


def _edit(path: Path, wanted: Session) -> None:
    tree = Tree(path.read_bytes())
    wanted.edit(tree)
    path.write_bytes(tree.to_bytes())


def _loads(image: Path, initrd: Path, tree: Path, folder: Path) -> list[str]:
    """Start `image` with exactly this tree: QEMU's own loader puts a /psci node of its own into
    every tree that it gets (hw/arm/boot.c, fdt_add_psci_node()).
    """
    # QEMU's own tree lies at the start of RAM.
    start, entry = vendor.RAM + 0x10_0000, vendor.RAM + 0x20_0000
    stub = folder / "stub.bin"
    stub.write_bytes(struct.pack("<8I2Q", *_STUB, vendor.TREE_ADDRESS, entry))
    found = ["-device", f"loader,addr={start:#x},cpu-num=0"]
    for path, address in ((stub, start), (image, entry), (tree, vendor.TREE_ADDRESS),
                          (initrd, vendor.INITRD_ADDRESS)):  # fmt: skip
        found += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
    return found


_STUB = (
    0x5800_0100,  # ldr x0, tree (behind the code)
    0x5800_0124,  # ldr x4, entry
    0xAA1F_03E1,  # mov x1, xzr
    0xAA1F_03E2,  # mov x2, xzr
    0xAA1F_03E3,  # mov x3, xzr
    0xD61F_0080,  # br x4
    0xD503_201F,
    0xD503_201F,
)
"""arm64's boot protocol: the tree's address in x0, x1 to x3 zero (booting.rst)."""

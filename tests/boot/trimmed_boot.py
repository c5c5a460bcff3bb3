# SPDX-License-Identifier: BSD-2-Clause
"""Boot one of the lab's own kernels on `virt`, under the pen or on QEMU's own PSCI.

For tests that Linux drives by itself: nothing to hot-plug or kexec from the guest.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from roundpen.contract.layout import Offer
from roundpen.devicetree import Tree
from roundpen.image.wrap import wrap_file
from roundpen.kernel import trimmed
from roundpen.lab import emulator, machines, qemu, run, session, vendor
from roundpen.lab.scenario import Scenario
from roundpen.lab.session import Job, Kernel

PEN = "virt-unique-el2-gicv3-4-a72"
YARDSTICK = "psci-gicv3-4-a72"
STANDBY = 0
"""arm,psci-suspend-param of an idle state that is a standby of the core (DEN0022, 5.4.2)."""


def boot(
    machine: str,
    flavour: str,
    command_line: str,
    until: str,
    timeout: float,
    folder: Path,
    *,
    offer: Offer = Offer.PSCI,
) -> list[str]:
    """The console's lines up to the one that matches `until`. `offer`: of the pen.

    Under its PSCI the tree names an idle state, so that CPU_SUSPEND is used too. Not so on the
    yardstick: with it a kernel on QEMU 7.2's own PSCI hangs within its first second, idle.
    Fails, with the last lines, when the line does not come or the kernel dies.
    """
    board = machines.machine(machine)
    kernel = Kernel(flavour, trimmed.build(flavour).image)
    job = Job(board, kernel, Scenario(), command_line=command_line)
    initrd = folder / "initrd.cpio"
    initrd.write_bytes(session.guest_root(job, secrets.token_hex(16), kernel.image))
    words = session.command_line(job)
    command = [*emulator.find(board).command]
    if board.family is machines.Family.PSCI:
        guest = qemu.Guest(kernel.image, initrd, words)
        arguments = qemu.direct_arguments(board, guest)
    else:
        wrapped = folder / "Image.wrapped"
        wrap_file(kernel.image, wrapped, offer=offer)
        spec = vendor.VirtSpec(cpus=board.cpus, cpu=board.cpu, gic=3 if board.gic == 3 else 2)
        arguments = vendor.arguments(spec, wrapped, initrd, words, folder, qemu=command)
        if offer is Offer.PSCI:
            _add_idle_state(folder / "vendor.dtb")
    command += [*arguments, *qemu.common_arguments(board)]
    wanted = re.compile(until)
    ended = run.run(
        command, lambda line, _: bool(wanted.search(line)), timeout=timeout, folder=folder
    )
    assert ended.stopped is run.Stopped.DONE, (
        f"{machine}: {ended.stopped.value} before {until!r}; the last lines:\n"
        + "\n".join(ended.lines[-40:])
        + ended.diagnostics
    )
    assert not ended.fatal
    assert not ended.complaints, ended.complaints
    return ended.lines


def _add_idle_state(path: Path) -> None:
    """An idle state of CPU_SUSPEND's, for every CPU (devicetree binding arm/idle-states)."""
    tree = Tree(path.read_bytes(), path.name)
    handle = (0xFFFF).to_bytes(4, "big")
    cpus = [node for node in tree.children("/cpus") if "/cpu@" in node]
    tree.add_node("/cpus/idle-states")
    tree.set_text("/cpus/idle-states", "entry-method", "psci")
    state = "/cpus/idle-states/cpu-standby"
    tree.add_node(state)
    tree.set_text(state, "compatible", "arm,idle-state")
    tree.set(state, "phandle", handle)
    tree.set(state, "arm,psci-suspend-param", STANDBY.to_bytes(4, "big"))
    for name, microseconds in (("entry", 40), ("exit", 40)):
        tree.set(state, f"{name}-latency-us", microseconds.to_bytes(4, "big"))
    tree.set(state, "min-residency-us", (1000).to_bytes(4, "big"))
    for node in cpus:
        tree.set(node, "cpu-idle-states", handle)
    path.write_bytes(tree.to_bytes())

# SPDX-License-Identifier: BSD-2-Clause
"""What kexec-tools is told, what it is blamed with, and that nothing of a load stays behind.

The programs here are real processes; a `kexec` that loads something needs a machine
(tests/boot).
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from roundpen.devicetree import Tree
from roundpen.errors import MachineError, RefusedError, UserError
from roundpen.image.header import ImageHeader
from roundpen.kexec import load
from roundpen.kexec.load import Order
from roundpen.kexec.plan import KernelFile, Plan, Promise
from roundpen.kexec.tree import RNG_SEED, NextTree
from roundpen.kexec.wanted import SystemCall, Wanted, Way
from tests.unit import samples
from tests.unit.check_boards import changed, spin
from tests.unit.kexec_root import put
from tests.unit.processes import children

ORDER = Order(
    "/sbin/kexec", SystemCall.LOAD, Path("/boot/vmlinuz"), Path("/boot/initrd"), "quiet", None
)


def plan(kernel: Path, image: bytes, *, as_it_is: bool, tree: NextTree | None = None) -> Plan:
    return Plan(
        wanted=Wanted(kernel, command_line="console=ttyS0"),
        kernel=KernelFile(
            path=kernel,
            release="6.1.0-test",
            banner=None,
            packing=() if as_it_is else ("gzip",),
            header=ImageHeader(0, 0, 0, len(image), 0b1010),
            file_size=len(image),
            size=len(image),
            sha256=hashlib.sha256(image).hexdigest(),
            signed=False,
            knows_spin_table=True,
            wrapped=False,
        ),
        way=Way.LATE,
        route=None,
        load_module=False,
        module_way=None,
        system_call=SystemCall.LOAD,
        segments=(),
        memory=(),
        needs=None,
        tree=tree,
        lost=(),
        promise=Promise("6.1.0-test", 4, "EL2", "0x48000000 0x10000"),
        refused=(),
        warnings=(),
    )


def test_the_words() -> None:
    assert ORDER.words() == [
        "/sbin/kexec", "-c", "-l", "/boot/vmlinuz", "--initrd=/boot/initrd", "--command-line=quiet",
    ]  # fmt: skip
    given = replace(ORDER, initrd=None, dtb=Path("/tmp/tree.dtb"), digest=False)
    assert given.words()[3:] == [
        "/boot/vmlinuz", "--command-line=quiet", "--dtb=/tmp/tree.dtb", "-i",
    ]  # fmt: skip


def test_the_file_call_takes_no_tree_and_has_no_digest() -> None:
    given = replace(ORDER, system_call=SystemCall.FILE_LOAD, dtb=Path("/x"), digest=False)
    assert given.words()[1:3] == ["-s", "-l"]
    assert not {"-i", "--dtb=/x"} & set(given.words())


def test_no_command_line_is_said() -> None:
    """An empty one would leave the running kernel's in the tree."""
    assert "--command-line= " in replace(ORDER, command_line="").words()


def test_a_packed_kernel_is_unpacked(tmp_path: Path) -> None:
    import gzip

    image = samples.kernel()
    packed = put(tmp_path, "vmlinuz", gzip.compress(image))
    order = load.prepare(plan(packed, image, as_it_is=False), "/sbin/kexec", tmp_path)
    assert order.kernel == tmp_path / "Image"
    assert order.kernel.read_bytes() == image
    assert order.command_line == "console=ttyS0"


def test_a_kernel_that_changed_since_the_plan(tmp_path: Path) -> None:
    import gzip

    packed = put(tmp_path, "vmlinuz", gzip.compress(samples.kernel()))
    with pytest.raises(UserError, match="is not the kernel of the plan any more"):
        load.prepare(plan(packed, b"another", as_it_is=False), "/sbin/kexec", tmp_path)


def test_the_tree_is_given_only_where_it_has_to_be(tmp_path: Path) -> None:
    board = changed(spin(), "chosen", note="x").dtb()
    tree = NextTree("/sys/kernel/roundpen/fdt", board, own_file=False)
    made = plan(tmp_path / "Image", b"", as_it_is=True, tree=tree)
    assert load.prepare(made, "/sbin/kexec", tmp_path).dtb is None
    made = replace(made, tree=replace(tree, own_file=True))
    dtb = load.prepare(made, "/sbin/kexec", tmp_path).dtb
    assert dtb is not None
    given = Tree(dtb.read_bytes())
    assert given.text("/chosen", "note") == "x"
    seed = given.get("/chosen", "rng-seed")
    assert seed is not None
    assert len(seed) == RNG_SEED
    assert seed != bytes(RNG_SEED)


@pytest.mark.parametrize(
    ("stderr", "kernel", "told"),
    [
        (
            "kexec_load failed: Device or resource busy\nentry       = 0x8ca flags = 0xb70000\n",
            ["Can't kexec: CPUs are stuck in the kernel."],
            "/boot/vmlinuz: not loaded: Can't kexec: CPUs are stuck in the kernel.; kexec_load "
            "failed: Device or resource busy; roundpen kexec --dry-run says",
        ),
        (
            "kexec_load failed: Invalid argument\n",
            ["roundpen: Can't kexec: the next kernel's device tree has no node of the pen"],
            "device tree has no node of the pen; kexec_load failed: Invalid argument; take the "
            "running tree",
        ),
        ("Cannot open `/boot/initrd': No such file or directory\n", [], "not loaded: Cannot open"),
        ("", [], "kexec-tools does not say why; kexec -d with the same options says more"),
    ],
)
def test_why_it_is_not_loaded(stderr: str, kernel: list[str], told: str) -> None:
    assert told in str(load.failure(ORDER, stderr, kernel))


def program(folder: Path, text: str) -> str:
    path = put(folder, "kexec", f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_that_fails(tmp_path: Path) -> None:
    made = plan(tmp_path / "Image", b"", as_it_is=True)
    with pytest.raises(MachineError, match="Image: not loaded: kexec_load failed: No"):
        load.load(made, program(tmp_path, "echo kexec_load failed: No >&2; exit 1"))
    with pytest.raises(RefusedError, match="there is no such program; install kexec-tools"):
        load.load(made, str(tmp_path / "none"))


def test_success_is_what_the_kernel_says(tmp_path: Path) -> None:
    """Not what the program's status says: nothing is loaded on the machine that tests."""
    assert not load.loaded()
    with pytest.raises(MachineError, match="not loaded: kexec-tools does not say why"):
        load.load(plan(tmp_path / "Image", b"", as_it_is=True), program(tmp_path, "exit 0"))


INTERRUPTED = """
import sys
from pathlib import Path
from roundpen.cli.ending import ended_by_signals
from roundpen.kexec import load
from tests.unit.kexec.test_load import plan
folder = Path(sys.argv[1])
with ended_by_signals():
    load.load(plan(folder / "Image", b"", as_it_is=True), sys.argv[2])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_it_loads(tmp_path: Path, number: signal.Signals) -> None:
    """The program is ended before we are, and its files are gone."""
    tool = program(tmp_path, f"touch {tmp_path}/begun; exec sleep 600")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ours = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path), tool],
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": "."},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    (child,) = children(ours.pid)
    ours.send_signal(number)
    assert ours.wait(60) != 0
    assert not Path(f"/proc/{child}").exists()
    assert list(temporary.iterdir()) == []

# SPDX-License-Identifier: BSD-2-Clause
"""The vendor machines: their QEMU arguments, trees and parameter blocks."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from roundpen.devicetree import Reservation, Tree
from roundpen.errors import MachineError, UserError
from roundpen.lab import vendor
from roundpen.lab.firmware import build, params
from roundpen.lab.vendor import Loads, VirtSpec

QEMU_LIKE = """/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	psci { method = "hvc"; };
	secure-chosen { };
	secram@e000000 { status = "disabled"; secure-status = "okay"; };
	pl011@9000000 { };
	cpus {
		#address-cells = <1>;
		#size-cells = <0>;
		cpu-map { };
		cpu@0 { reg = <0>; enable-method = "psci"; };
		cpu@1 { reg = <1>; enable-method = "psci"; };
		cpu@2 { reg = <2>; enable-method = "psci"; };
	};
	chosen { };
};
"""


@pytest.fixture(scope="module")
def raw() -> bytes:
    if shutil.which("dtc") is None:
        pytest.skip("dtc is not installed")
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb"]
    done = subprocess.run(command, input=QEMU_LIKE.encode(), check=True, capture_output=True)
    return done.stdout


def test_machine_arguments() -> None:
    assert vendor.machine_arguments(VirtSpec(cpus=32, cpu="max", gic=3, mte=True)) == [
        "-machine", "virt,secure=on,virtualization=on,gic-version=3,its=off,mte=on",
        "-accel", "tcg,thread=single,tb-size=32", "-cpu", "max",
        "-smp", "32", "-m", "1024M", "-nic", "none",
    ]  # fmt: skip
    assert vendor.machine_arguments(VirtSpec(entry_level=1))[1] == (
        "virt,secure=on,virtualization=off,gic-version=2"
    )
    unused = vendor.machine_arguments(VirtSpec(entry_level=1, el2_unused=True))
    assert unused[1] == "virt,secure=on,virtualization=on,gic-version=2"


def test_argv_places_every_file() -> None:
    loads = Loads(
        Path("fw"), Path("block"), Path("tree"), Path("kernel"), 0x4028_0000, Path("initrd")
    )
    out = vendor.argv(VirtSpec(), loads)
    assert out[out.index("-bios") + 1] == "fw"
    assert [one for one in out if one.startswith("loader,")] == [
        "loader,file=fw,addr=0x40100000,force-raw=on",
        "loader,file=block,addr=0x40180000,force-raw=on",
        "loader,file=tree,addr=0x48000000,force-raw=on",
        "loader,file=kernel,addr=0x40280000,force-raw=on",
        "loader,file=initrd,addr=0x48200000,force-raw=on",
    ]


def test_tree_knows_a_spin_table_only(raw: bytes) -> None:
    spec = VirtSpec(cpus=3, strangers=(1,))
    tree = Tree(vendor.vendor_tree(raw, spec, "console=ttyAMA0", 0x1000))
    assert tree.children("/") == ["/pl011@9000000", "/cpus", "/chosen"]
    assert tree.children("/cpus") == ["/cpus/cpu@0", "/cpus/cpu@2"]
    assert tree.text("/cpus/cpu@2", "enable-method") == "spin-table"
    assert tree.get("/cpus/cpu@2", "cpu-release-addr") == spec.word(2).to_bytes(8, "big")
    assert tree.text("/chosen", "bootargs") == "console=ttyAMA0"
    assert tree.get("/chosen", "linux,initrd-end") == (0x4820_1000).to_bytes(8, "big")
    assert tree.reservations() == [Reservation(0x4010_0000, 0x10_0000)]


def test_words() -> None:
    unique, shared = VirtSpec(), VirtSpec(words="shared")
    assert len({unique.word(number) for number in range(4)}) == 4
    assert len({shared.word(number) for number in range(4)}) == 1
    reserved = range(params.VENDOR_BASE, params.VENDOR_BASE + params.VENDOR_SIZE)
    assert VirtSpec(cpus=123, gic=3).word(122) in reserved


def test_mpidr_has_clusters() -> None:
    assert VirtSpec(cpus=8).mpidr(7) == 7
    assert VirtSpec(cpus=40, gic=3).mpidr(35) == 0x203


def test_parameter_block() -> None:
    spec = VirtSpec(late=((2, 0.5),), absent=(1,), other_level=(3,), words="shared")
    block = vendor.parameters(spec, 0x4020_0000)
    assert len(block) == params.BLOCK_SIZE
    head = struct.unpack_from("<8sQQQQIIII", block)
    assert head == (b"RNDVENDR", 0x4020_0000, 0x4800_0000, 0x800_0000, 0x801_0000, 2, 2, 4, 0)
    entries = [
        struct.unpack_from("<QQQQI", block, params.ENTRIES_OFFSET + number * params.ENTRY_SIZE)
        for number in range(4)
    ]
    word = params.word_address(0)
    assert entries == [
        (0, word, 0, 0, 0), (1, word, 0, 0, 1), (2, word, 500_000, 0, 0), (3, word, 0, 0, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cpus": 9}, "9 CPUs; with GICv2 it has 1 to 8"),
        ({"absent": (0,)}, "CPU 0 can't be special"),
        ({"late": ((4, 1.0),)}, "CPU 4 can't be special"),
        ({"entry_level": 1, "other_level": (1,)}, "without EL2"),
        ({"el2_unused": True}, "EL2 is not unused"),
        ({"load_offset": 0x10_0000}, "inside the firmware's RAM"),
    ],
)
def test_what_cannot_be(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        VirtSpec(**changes)  # type: ignore[arg-type]


def test_too_little_memory(tmp_path: Path) -> None:
    image, initrd = tmp_path / "image", tmp_path / "initrd"
    image.write_bytes(b"x")
    initrd.write_bytes(bytes(2**20))
    with pytest.raises(UserError, match=r"128 MiB of RAM don't hold .*give the machine more"):
        vendor.arguments(VirtSpec(memory_mib=128), image, initrd, "", tmp_path, qemu=())


def test_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="gone: cannot be read: No such file"):
        vendor.arguments(VirtSpec(), tmp_path / "gone", None, "", tmp_path, qemu=())


def test_missing_qemu_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no-such-qemu: cannot give its device tree"):
        vendor.qemu_tree(VirtSpec(), tmp_path, qemu=["no-such-qemu"])


def test_firmware_fits() -> None:
    if shutil.which(f"{build.PREFIX}gcc") is None:
        pytest.skip("no cross compiler")
    path = build.binary()
    assert 0 < path.stat().st_size < params.VENDOR_PARAMS - params.VENDOR_BASE
    assert build.binary() == path


def test_missing_tool_is_named() -> None:
    with pytest.raises(MachineError, match="no-such-tool: not found; install gcc-aarch64"):
        build.run(["no-such-tool"])

# SPDX-License-Identifier: BSD-2-Clause
"""RP089: a kernel's image_size against the loader's fixed addresses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roundpen.check import Finding, Kernel, State, System, check, check_board, known, live
from roundpen.check.bearing import PENS
from roundpen.cli import main as cli
from roundpen.image.header import ImageHeader
from tests.unit import samples
from tests.unit.check_boards import LIVE, changed, spin

PI = changed(spin(), "/", compatible=["raspberrypi,4-model-b", "brcm,bcm2711"])
FITS = {
    "Debian 6.1": (0x2010000, 0),
    "Debian 6.1, wrapped": (0x2190000, 0x80000),
    "as far as the tree": (0x2400000, 0),
}
DOES_NOT = {
    "Debian 6.12": (0x2500000, 0, "0x200000 to 0x2700000, over the tree at 0x2600000;"),
    "Debian 6.12, wrapped": (0x2680000, 0x80000, "0x80000 to 0x2700000, over the tree at"),
    "Debian 6.12.118": (0x2510000, 0, "0x2600000 and the initrd at 0x2700000;"),
    "Debian 6.12.118, wrapped": (0x2690000, 0x80000, "0x2600000 and the initrd at 0x2700000;"),
    "64 KiB more": (0x2410000, 0, "over the tree at 0x2600000;"),
    "a page more": (0x2401000, 0, "over the tree at 0x2600000;"),
    "6.1, wrapped by version 1": (0x2800000, 0, "0x2600000 and the initrd at 0x2700000;"),
}


def kernel(image_size: int, text_offset: int = 0) -> Kernel:
    return Kernel("vmlinuz", ImageHeader(0, 0, text_offset, image_size, flags=0xA))


def found(system: System) -> list[Finding]:
    return [each for each in check(PI.board(), system) if each.code == "RP089"]


@pytest.mark.parametrize("name", FITS)
def test_there_is_room(name: str) -> None:
    assert found(System(kernel=kernel(*FITS[name]))) == []


@pytest.mark.parametrize("name", DOES_NOT)
def test_there_is_none(name: str) -> None:
    size, text_offset, over = DOES_NOT[name]
    (hit,) = found(System(kernel=kernel(size, text_offset)))
    assert over in hit.found
    assert (hit.node, hit.prop) == ("vmlinuz", "image_size")


def test_the_pen_hangs_on_it() -> None:
    routes = check_board(PI.board(), System(kernel=kernel(0x2500000), entry_level=2)).routes
    said = {each.name: each for each in routes}
    assert said["pen-psci-el2"].state is State.DEPENDS
    assert "if the loader has room for the kernel (RP089)" in said["pen-psci-el2"].reason
    assert not any("RP089" in said[name].reason for name in said if name not in PENS)


@pytest.mark.parametrize(
    ("version", "speaks"),
    [
        ("2023.01+dfsg-2+deb12u1", True),
        ("2025.01", True),
        ("2025.04-rc3", True),
        ("2025.07", False),
        ("2022.10", False),
        ("a vendor's", True),
        ("", False),
        (None, False),
    ],
)
def test_on_the_running_system_the_tree_names_the_loader(version: str, speaks: bool) -> None:
    system = replace(LIVE, kernel=kernel(0x2500000), u_boot=version)
    assert bool(found(system)) is speaks
    assert found(replace(system, efi=True)) == []


def test_no_board_of_the_table() -> None:
    hits = check(spin().board(), System(kernel=kernel(0x8000000)))
    assert "RP089" not in {each.code for each in hits}


def test_each_row_is_in_order() -> None:
    for row in known.loaders():
        assert row.first <= row.last
        assert row.ram <= row.kernel < min(row.tree, row.initrd)
        assert row.compatible
        assert row.do
        assert row.source


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree, image, wrapped = (tmp_path / name for name in ("pi.dtb", "vmlinuz", "wrapped"))
    tree.write_bytes(PI.dtb())
    image.write_bytes(samples.kernel(image_size=0x2500000))
    assert cli.main(["wrap", str(image), "-o", str(wrapped)]) == 0
    for path in (image, wrapped):
        capsys.readouterr()
        assert cli.main(["check", "--kernel", str(path), str(tree)]) == 1
        assert "RP089 warning" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"no kernel", samples.kernel()[:40]])
def test_a_kernel_that_cannot_be_read(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, image = tmp_path / "pi.dtb", tmp_path / "vmlinuz"
    tree.write_bytes(PI.dtb())
    if content is not None:
        image.write_bytes(content)
    assert cli.main(["check", "--kernel", str(image), str(tree)]) == 2
    text, errors = capsys.readouterr()
    assert text == ""
    assert str(image) in errors


def put(root: Path, name: str, content: bytes) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(content)


def test_the_running_kernels_file(tmp_path: Path) -> None:
    put(tmp_path, "sys/firmware/fdt", PI.dtb())
    put(tmp_path, "proc/sys/kernel/osrelease", b"6.12.1-test\n")
    put(tmp_path, "boot/vmlinuz-6.12.1-test", samples.kernel(image_size=0x2500000))
    assert live.read(tmp_path)[1].kernel is None
    put(tmp_path, "proc/device-tree/chosen/u-boot,version", b"2025.01+dfsg-1\0")
    board, system = live.read(tmp_path)
    assert system.u_boot == "2025.01+dfsg-1"
    assert system.kernel is not None
    assert system.kernel.header.image_size == 0x2500000
    assert "RP089" in {each.code for each in check(board, system)}
    put(tmp_path, "boot/vmlinuz-6.12.1-test", b"no kernel")
    assert live.read(tmp_path)[1].kernel is None

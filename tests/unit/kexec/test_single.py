# SPDX-License-Identifier: BSD-2-Clause
"""What to add for nr_cpus=1, and where; nothing is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from roundpen.kexec import single
from roundpen.kexec.single import Place
from tests.unit.kexec_root import put

GRUB = "GRUB_CMDLINE_LINUX_DEFAULT"


def only(root: Path) -> Place:
    (found,) = single.places(root)
    return found


def test_raspberry_pi(tmp_path: Path) -> None:
    put(tmp_path, "boot/firmware/config.txt", "arm_64bit=1\n")
    put(tmp_path, "boot/firmware/cmdline.txt", "console=tty1 root=PARTUUID=1 rootwait\n")
    found = only(tmp_path)
    assert found.file == "/boot/firmware/cmdline.txt"
    assert found.new == "console=tty1 root=PARTUUID=1 rootwait nr_cpus=1"


def test_raspberry_pi_with_another_file(tmp_path: Path) -> None:
    put(tmp_path, "boot/config.txt", "#cmdline=no.txt\ncmdline=mine.txt\n")
    put(tmp_path, "boot/mine.txt", "quiet\n")
    assert only(tmp_path).file == "/boot/mine.txt"


@pytest.mark.parametrize(
    ("file", "now", "new"),
    [
        ("grub", f'{GRUB}="quiet"', f'{GRUB}="quiet nr_cpus=1"'),
        ("grub", "GRUB_CMDLINE_LINUX=''", "GRUB_CMDLINE_LINUX='nr_cpus=1'"),
        ("u-boot", 'U_BOOT_PARAMETERS="ro quiet"', 'U_BOOT_PARAMETERS="ro quiet nr_cpus=1"'),
        ("flash-kernel", 'LINUX_KERNEL_CMDLINE="a"', 'LINUX_KERNEL_CMDLINE="a nr_cpus=1"'),
    ],
)  # fmt: skip
def test_a_shell_variable(tmp_path: Path, file: str, now: str, new: str) -> None:
    path = put(tmp_path, f"etc/default/{file}", f"# {now}\nX=1\n{now}\n")
    found = only(tmp_path)
    assert (found.now, found.new) == (now, new)
    assert found.then
    assert path.read_text().endswith(f"{now}\n")


def test_what_it_does_not_understand_it_leaves_out(tmp_path: Path) -> None:
    put(tmp_path, "etc/default/grub", 'GRUB_CMDLINE_LINUX="$(cat /x) \\"a\\""\nGRUB_TIMEOUT=1\n')
    assert single.places(tmp_path) == ()
    told = "\n".join(single.lines(()))
    assert "add nr_cpus=1 to the kernel's command line where your loader keeps it" in told


def test_kernel_install_and_extlinux(tmp_path: Path) -> None:
    put(tmp_path, "etc/kernel/cmdline", "root=/dev/sda1\nquiet\n")
    put(tmp_path, "boot/extlinux/extlinux.conf", "label a\n  linux /vmlinuz\n  append ro quiet\n")
    first, second = single.places(tmp_path)
    assert first.new == "root=/dev/sda1 quiet nr_cpus=1"
    assert second.new == "append ro quiet nr_cpus=1"
    told = single.lines((first, second))
    assert told[0].startswith("Nothing was changed.")
    assert "Several are here: take the one that starts this machine." in told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("quiet nr_cpus=1", True),
        ("nr_cpus=4 nr_cpus=1", True),
        ("nr_cpus=1 nr_cpus=4", False),
        ("maxcpus=1", False),
        ("quiet -- nr_cpus=1", False),
    ],
)
def test_running_on_one(words: str, expected: bool) -> None:
    assert single.running_on_one(words) == expected

# SPDX-License-Identifier: BSD-2-Clause
"""What the user left out comes from the loader's entry, or from the running kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from roundpen.errors import UserError
from roundpen.kexec import asked
from roundpen.kexec.wanted import Wanted
from tests.unit.kexec_root import put

RUNNING = 'BOOT_IMAGE=/vmlinuz-6.1 root=/dev/sda1 "a  b" x="1  2" nr_cpus=1 maxcpus=2 nosmp quiet'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Debian's /boot, with two kernels."""
    put(tmp_path, "proc/cmdline", RUNNING + "\n")
    for version in ("6.1.0-1", "6.12.0-1"):
        put(tmp_path, f"boot/vmlinuz-{version}", version)
        put(tmp_path, f"boot/initrd.img-{version}", version)
    return tmp_path


def ask(
    root: Path,
    kernel: Path | None = None,
    *,
    initrd: Path | None = None,
    command_line: str | None = None,
    reuse: bool = False,
) -> Wanted:
    return asked.wanted(
        kernel=kernel, initrd=initrd, command_line=command_line, reuse=reuse, dtb=None, way=None,
        load_only=False, dry_run=True, root=root,
    )  # fmt: skip


def test_the_running_command_line(root: Path) -> None:
    assert asked.running(root) == 'root=/dev/sda1 "a  b" x="1  2" quiet'
    (root / "proc/cmdline").unlink()
    with pytest.raises(UserError, match="/proc/cmdline: cannot be read; give --command-line"):
        asked.running(root)


def test_a_kernel_that_no_loader_knows(root: Path) -> None:
    own = put(root, "home/Image", "own")
    found = ask(root, own)
    assert (found.kernel, found.initrd) == (own, None)
    assert found.command_line == asked.running(root)


def test_a_kernel_that_the_loader_knows(root: Path) -> None:
    found = ask(root, root / "boot/vmlinuz-6.12.0-1")
    assert found.initrd == root / "boot/initrd.img-6.12.0-1"


def test_what_is_given_counts(root: Path) -> None:
    found = ask(root, root / "boot/vmlinuz-6.12.0-1", initrd=root / "x", command_line="")
    assert (found.initrd, found.command_line) == (root / "x", "")
    assert ask(root, reuse=True).command_line == asked.running(root)


def test_what_would_be_booted(root: Path) -> None:
    found = ask(root)
    assert found.kernel.name.startswith("vmlinuz-6.")
    assert found.initrd is not None


def test_nothing_to_boot(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="what this system would boot next can't be told"):
        ask(tmp_path)

# SPDX-License-Identifier: BSD-2-Clause
"""Three commands on a Debian system that nobody prepared: into another kernel with every CPU.

Debian 13, its own kernel running, the newest of its backports installed beside it. The stranger
has the two package files in his home folder, and types at the console. Nothing of ours is on the
disk before; the archive that apt asks lies on the disk, because there is no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from roundpen import cache
from roundpen.lab import system
from roundpen.lab.guest import debian, programs
from roundpen.lab.machines import machine
from roundpen.lab.run import Answer, Stopped, Transcript
from roundpen.lab.system import SHELL, Visit, login, typed
from roundpen.lab.trials import KVM_EXIT_MMIO, kvm_result
from tests.unit.deb_build import deb_build

pytestmark = pytest.mark.timeout(7200)
OFF = "reboot: Power"
"""Down, or "off not available: System halted instead" where a tree names no way."""
SEED = "1f2e3d4c"
GUEST = f"exit={KVM_EXIT_MMIO} value={kvm_result(int(SEED, 16)):#x}"
"""What the virtual machine computes; the command line has only the seed."""
VIRTUAL = f"for cpu in 0 1 2 3; do taskset -c $cpu ./kvm-probe {SEED}; done"
FACTS = "uname -r; cat /sys/devices/system/cpu/online; dmesg | grep -E 'started at EL|kvm .*init'"


def answered(command: str, mark: str) -> tuple[Answer, ...]:
    """A command, and its exit status as `MARK is N`, which what is typed does not say."""
    return typed(f"{command}; echo {mark} is $?")


def three(kernel: str) -> tuple[Answer, ...]:
    """The stranger's commands, and the one question that he is asked."""
    return (
        *answered("apt install ./roundpen*.deb", "apt"),
        Answer(b"[Y/n] ", b"y\n"),
        *answered(f"roundpen kexec --dry-run {kernel}", "plan"),
        *typed(f"roundpen kexec {kernel}"),
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The stranger's home folder. The virtual machine is the test's, to see KVM work."""
    folder = tmp_path_factory.mktemp("stranger")
    debs: list[Path] = deb_build().build(folder)
    probe = folder / "kvm-probe"
    probe.write_bytes(programs.kvm_probe())
    probe.chmod(0o755)
    return {f"/root/{path.name}": path for path in (*debs, probe)}


def visit(name: str, files: dict[str, Path], answers: Sequence[Answer]) -> Transcript:
    """Type at the console of a machine called `name`; what it says is kept in any case."""
    disk = debian.disk(debian.STOCK)
    oldest = disk.releases()[0]
    console = system.visit(Visit(machine(name), disk, oldest, answers, OFF, files, timeout=6000))
    kept = cache.root() / "transcripts" / f"stranger-{name}.txt"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(console.text(), encoding="utf-8")
    assert console.stopped is Stopped.DONE, f"{console.stopped}: {console.fatal}, see {kept}"
    assert console.fatal == ""
    return console


def between(console: Transcript, first: str, last: str) -> list[str]:
    """The lines behind the first that matches `first`, to the next that matches `last`."""
    lines = console.lines
    start = next(number for number, line in enumerate(lines) if re.search(first, line))
    end = next(n for n in range(start + 1, len(lines)) if re.search(last, lines[n]))
    return lines[start + 1 : end]


@pytest.mark.parametrize("name", ["virt-unique-el2-gicv3-4-a53"])
def test_three_commands(name: str, files: dict[str, Path]) -> None:
    first, second = debian.disk(debian.STOCK).releases()
    answers = (
        *login(),
        *typed(FACTS),
        *three(f"/boot/vmlinuz-{second}"),
        # The next kernel's console.
        *login(),
        *typed(FACTS, VIRTUAL),
        *answered("journalctl --no-pager -o cat -u roundpen-verdict", "journal"),
        *answered("roundpen kexec --last", "last"),
        Answer(SHELL, b"poweroff\n"),
    )
    console = visit(name, files, answers)
    text = console.text()
    for mark in ("apt", "plan", "journal", "last"):
        assert f"{mark} is 0" in console.lines, mark
    before, after = text.split("Starting new kernel", 1)
    assert "roundpen" not in before.split("apt install", 1)[0], "something of ours was there"
    assert f"\n{first}\n0-3\n" in before.replace("\r", "")
    assert f"\n{second}\n0-3\n" in after.replace("\r", "")
    assert after.count("All CPU(s) started at EL2") >= 1
    assert after.count(GUEST) == 4
    assert not [line for line in console.complaints if "WARNING" in line]

# SPDX-License-Identifier: BSD-2-Clause
"""The commands of docs/use/kexec.md, typed one after the other at a Debian system's console.

A Debian 13 with systemd, as its installer leaves it, on an emulated machine whose firmware knows a
spin-table only. Nothing is prepared but that the two packages lie in root's home.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roundpen import cache
from roundpen.lab import system
from roundpen.lab.guest import debian
from roundpen.lab.machines import machine
from roundpen.lab.run import Answer, Stopped, Transcript
from tests.unit.deb_build import deb_build
from tests.unit.walk import commands

MACHINE = "virt-unique-el2-gicv3-4-a53"
JUMP = 'roundpen kexec "$KERNEL"'
LAST = "the walk is over: "
pytestmark = pytest.mark.timeout(3 * 3600)


def typed() -> list[Answer]:
    """Each line, and behind it what says how it ended: a sum, which no echo has."""
    answers = [*system.login()]
    for number, line in enumerate(commands()):
        if line == JUMP:
            answers += [Answer(system.SHELL, f"{line}\n".encode()), *system.login()]
            continue
        answers += system.typed(f"{line}\nprintf 'line %s: %s\\n' $(({number}+1000)) $?")
    answers += system.typed(f"echo '{LAST}'$((6*7))", "poweroff")
    return answers


def ends(transcript: Transcript) -> dict[str, int]:
    """The commands that came to an end, with their exit statuses."""
    found = re.findall(r"^line (1\d\d\d): (\d+)$", "\n".join(transcript.lines), re.M)
    return {commands()[int(number) - 1000]: int(status) for number, status in found}


def outputs(transcript: Transcript, command: str) -> list[str]:
    """What stands behind each echo of `command`, one line."""
    lines = [line.strip() for line in transcript.lines]
    return [lines[at + 1] for at, line in enumerate(lines[:-1]) if line.endswith(f"# {command}")]


@pytest.fixture(scope="module")
def transcript(tmp_path_factory: pytest.TempPathFactory) -> Transcript:
    packages: list[Path] = deb_build().build(tmp_path_factory.mktemp("deb"))
    disk = debian.disk(debian.STOCK)
    release = next(name for name in disk.releases() if name.startswith("6.12"))
    console = system.visit(
        system.Visit(
            machine=machine(MACHINE),
            disk=disk,
            release=release,
            answers=typed(),
            last=f"{LAST}42",
            files={f"/root/{path.name}": path for path in packages},
            timeout=2 * 3600,
        )
    )
    kept = cache.root() / "transcripts" / "kexec-document.txt"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(console.text(), encoding="utf-8")
    assert console.stopped is Stopped.DONE, f"{console.stopped}: {console.fatal}, see {kept}"
    return console


def test_every_command_ends_well(transcript: Transcript) -> None:
    expected = dict.fromkeys((line for line in commands() if line != JUMP), 0)
    assert ends(transcript) == expected, transcript.text()[-6000:]


def test_into_the_next_kernel_with_every_cpu(transcript: Transcript) -> None:
    started = [line for line in transcript.lines if "Booting Linux on physical CPU" in line]
    assert len(started) == 2
    assert outputs(transcript, "nproc") == ["4"]
    assert outputs(transcript, "cat /sys/kernel/kexec_loaded") == ["1"]
    assert outputs(transcript, "cat /sys/kernel/roundpen/pen") == ["adopted"]
    state = "cat /sys/kernel/roundpen/cpu1/state"
    assert outputs(transcript, state) == ["parked", "in the kernel"]
    assert not transcript.complaints

# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path

import pytest

from roundpen.cli import main as cli
from roundpen.cli.exits import Exit
from roundpen.contract import layout
from roundpen.contract.layout import Offer, Refusal
from roundpen.errors import MachineError, UserError
from roundpen.lab import qemu, vendor
from roundpen.lab.emulator import loader_command, version_of
from roundpen.lab.faults import Fault
from roundpen.lab.machines import FAMILIES, MACHINES, Family, machine
from roundpen.lab.scenario import Ending, Expectation, Scenario, expected
from roundpen.lab.steps import steps

GUEST = qemu.Guest(Path("Image"), Path("initrd"), "console=x", Path("board.dtb"))


def test_raspi3b_arguments() -> None:
    one = machine("raspi3b")
    assert qemu.direct_arguments(one, GUEST) == [
        *("-machine", "raspi3b", "-accel", "tcg,thread=single,tb-size=32"),
        *("-nic", "none"),
        *("-kernel", "Image", "-initrd", "initrd", "-dtb", "board.dtb", "-append", "console=x"),
    ]
    assert qemu.common_arguments(one) == [
        *("-display", "none", "-monitor", "none", "-serial", "null", "-serial", "stdio"),
    ]


def test_yardstick_arguments() -> None:
    guest = qemu.Guest(Path("Image"), Path("initrd"), "console=x")
    assert qemu.direct_arguments(machine("psci-gicv3-8-a72"), guest) == [
        *("-machine", "virt,gic-version=3,its=off", "-accel", "tcg,thread=single,tb-size=32"),
        *("-nic", "none", "-cpu", "cortex-a72", "-smp", "8", "-m", "1024M"),
        *("-kernel", "Image", "-initrd", "initrd", "-append", "console=x"),
    ]


def test_the_machines_that_the_lab_promises() -> None:
    names = set(MACHINES)
    assert {"raspi3b", "raspi4b", "psci"} <= names
    assert {"virt-unique-el2-gicv2-4-a53", "virt-shared-el1-gicv3-32-max"} <= names
    assert not any("gicv2-32" in name for name in names)
    vendor = [one for one in MACHINES.values() if one.family is Family.VENDOR]
    # words x level x (3 counts with GICv2 + 4 with GICv3) x CPU models
    assert len(vendor) == 3 * 2 * 7 * 3


def test_an_unknown_machine() -> None:
    with pytest.raises(UserError, match=r"no machine called 'pi'.*lab list"):
        machine("pi")


def expanded(grammar: str) -> list[str]:
    """As a shell expands braces."""
    parts = [part.split(",") for part in re.split(r"[{}]", grammar)]
    return ["".join(words) for words in product(*parts)]


def test_the_grammar_of_the_families_is_that_of_the_machines() -> None:
    said = {name for grammar, _ in FAMILIES for name in expanded(grammar)}
    assert set(MACHINES) - said == {"psci"}
    assert {name for name in said - set(MACHINES) if "gicv2-32" not in name} == set()


def test_the_list_is_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lab", "list"]) == Exit.DONE
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 33
    assert max(map(len, lines)) <= 100
    assert all(any(line.strip().startswith(fault.label) for line in lines) for fault in Fault)


def test_the_list_of_what_a_pattern_matches(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lab", "list", "virt-*-8-max"]) == Exit.DONE
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [name for name in MACHINES if fnmatchcase(name, "virt-*-8-max")]
    assert cli.main(["lab", "list", "raspi*", "--json"]) == Exit.DONE
    document = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in document["machines"]] == ["raspi3b", "raspi4b"]
    assert {"debian-6.1", "lab"} <= {one["name"] for one in document["kernels"]}
    assert cli.main(["lab", "list", "nothing"]) == Exit.UNUSABLE
    assert "no machine matches 'nothing'; see `roundpen lab list`" in capsys.readouterr().err


def test_steps_of_a_chain() -> None:
    lines = steps(Scenario(kexecs=1, cycles=2, ending=Ending.POWEROFF), 3)
    assert [line for line in lines if "logbook" not in line] == [
        *("0 report", "0 work first", "0 hotplug 2 1 2", "0 work after-hotplug"),
        *("0 load", "0 jump", "0 finish stay"),
        *("1 report", "1 work first", "1 hotplug 2 1 2", "1 work after-hotplug"),
        "1 finish poweroff",
    ]


def test_a_refusal_ends_the_chain() -> None:
    lines = steps(Scenario(kexecs=3, expects=Expectation(refused=True)), 4)
    assert {line.split()[0] for line in lines} == {"0"}
    assert lines[-2:] == ["0 load", "0 finish stay"]


def test_what_is_expected_where() -> None:
    plain = machine("raspi3b")
    assert expected(plain, None) == Expectation(refused=True)
    assert expected(plain, Offer.PSCI) == Expectation(offer="psci")
    assert expected(machine("psci"), None) == Expectation()
    present = layout.REFUSAL_TEXT[Refusal.PSCI_PRESENT]
    assert expected(machine("psci"), Offer.PSCI) == Expectation(stepped_aside=present)
    level = layout.REFUSAL_TEXT[Refusal.ENTRY_LEVEL]
    assert expected(machine("virt-unique-el1-gicv2-4-a53"), Offer.PSCI) == Expectation(
        refused=True, stepped_aside=level
    )


def test_qemu_versions() -> None:
    assert version_of("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)") == (7, 2)
    with pytest.raises(MachineError, match="says no version"):
        version_of("nonsense")


def test_a_qemu_of_its_own_uses_nothing_of_the_host(tmp_path: Path) -> None:
    for name in (
        "usr/lib64/ld-linux-x86-64.so.2",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/pulseaudio/libpulse.so",
        "usr/bin/qemu-system-aarch64",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    command = loader_command(tmp_path, "x86_64")
    assert command[0] == str(tmp_path / "usr/lib64/ld-linux-x86-64.so.2")
    assert all(str(tmp_path) in path for path in command[2].split(":"))
    assert command[3:] == (
        str(tmp_path / "usr/bin/qemu-system-aarch64"),
        "-L",
        str(tmp_path / "usr/share/qemu"),
    )
    with pytest.raises(MachineError, match="no lib64/ld-linux"):
        loader_command(tmp_path / "empty", "x86_64")


def test_a_dirty_machine_is_a_clean_one_and_a_word() -> None:
    clean = machine("virt-unique-el2-gicv2-4-a72")
    dirty = machine(f"{clean.name}-dirty")
    assert (clean.dirty, dirty.dirty) == (False, True)
    assert replace(dirty, name=clean.name, describes=clean.describes, dirty=False) == clean
    blocks = [vendor.parameters(vendor.spec_of(one), 0x4000_0000) for one in (clean, dirty)]
    assert blocks[0] != blocks[1]
    for name in ("raspi3b-dirty", "psci-dirty", f"{dirty.name}-dirty"):
        with pytest.raises(UserError, match="no machine called"):
            machine(name)

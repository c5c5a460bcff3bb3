# SPDX-License-Identifier: BSD-2-Clause
"""The module's guards, tried one by one in one boot: what is refused, by which name, what not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from roundpen import cache
from roundpen.lab import session
from roundpen.lab.firmware.build import PREFIX, compiler
from roundpen.lab.firmware.build import run as run_tool
from roundpen.lab.guest.programs import FLAGS
from roundpen.lab.guest.root import Member
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario, expected
from roundpen.lab.session import Job
from tests.boot.runs import TIMEOUT, TRIMMED_TIMEOUT

pytestmark = pytest.mark.timeout(900)

HERE = Path(__file__).parent / "late"
NO_TREE = "Invalid argument roundpen: Can't kexec: no segment begins with a device tree"
WRONG = "Invalid argument roundpen: Can't kexec: the next kernel's device tree "


@dataclass(frozen=True)
class Try:
    """A function of guards.sh with arguments, and words that its output begins with."""

    what: str
    expects: str


IN_USE = "rmmod: can't unload module 'roundpen': Resource temporarily unavailable"
OVER = "Cannot assign requested address roundpen: Can't kexec: segment 0 at "
HELD = "sh: write error: Device or resource busy 1 roundpen: kprobes stay armed"
TRIES = {
    "trees": Try("trees", ""),
    # An image over the pen.
    "over its first page": Try("over 0", OVER),
    "over its last page": Try("over 0xf000", OVER),
    "into it from below": Try("over -4096", OVER),
    "right beside it": Try("beside", "loaded"),
    "unload": Try("unload", "0"),
    # The next kernel's tree.
    "no tree": Try("with /init", NO_TREE),
    "two trees": Try(
        "probe 0x60000000:/tmp/good 0x61000000:/tmp/good",
        "Invalid argument roundpen: Can't kexec: 2 segments begin with a device tree",
    ),
    "stock tree": Try("with /tmp/stock", WRONG + "has no"),
    "cut tree": Try("with /tmp/cut", WRONG + "is cut off"),
    "no-map": Try("with /tmp/good:no-map=no-mop", WRONG + "has a node for the pen without no-map"),
    "method": Try(
        "with /tmp/good:spin-table=spin-tabel", WRONG + "has a CPU with another enable-method"
    ),
    "entries": Try(
        "with /tmp/good:cpu-return-addr=cpu-return-adds",
        WRONG + "has a CPU without a cpu-return-addr",
    ),
    "words": Try(
        "with /tmp/good:cpu-release-addr=cpu-release-adds",
        WRONG + "has a CPU without a cpu-release-addr",
    ),
    "nothing is loaded": Try("unload", "0"),
    "good tree": Try("with /tmp/good", "loaded"),
    # The module stays as long as an image is loaded.
    "pinned": Try("remove", IN_USE),
    "loaded again": Try("with /tmp/good", "loaded"),
    "a wrong one changes nothing": Try("with /tmp/stock", WRONG),
    "still pinned": Try("remove", IN_USE),
    "capture with the stock tree": Try("capture /tmp/stock", WRONG + "has no"),
    "capture": Try("capture /tmp/good", "loaded"),
    "the normal one unloaded": Try("unload", "1"),
    "pinned by the capture kernel": Try("remove", IN_USE),
    "both unloaded": Try("unload -p", "0"),
    # The probes stay as long as the module does.
    "disarm": Try("turn 0", HELD),
    "arm": Try("turn 1", "1"),
    "remove": Try("remove", "gone"),
    "disarm without the module": Try("turn 0", "0"),
    "insert without probes": Try(
        "insert", "insmod: can't insert '/kexec/0/roundpen.ko': Device or resource busy roundpen: "
        "refused: kprobes are disarmed"
    ),
    "arm again": Try("turn 1", "1"),
    "capture without the module": Try("capture /tmp/stock", "loaded"),
    "insert": Try("insert", "roundpen: new pen at"),
    "the first pen's tree": Try(
        "with /tmp/good", WRONG + "has a node for the pen at another place or of another size"
    ),
    "remove again": Try("remove", "gone"),
}  # fmt: skip


def probe() -> bytes:
    source = HERE / "kexec_probe.c"

    def make(folder: Path) -> None:
        run_tool([f"{PREFIX}gcc", *FLAGS, str(source), "-o", str(folder / "program")])

    key = cache.digest(compiler(), " ".join(FLAGS), source.read_bytes())
    return (cache.entry("guest-programs", key, make) / "program").read_bytes()


PSCI_TRIES = {
    "trees": Try("trees", ""),
    # To PSCI the CPUs in the pen are on.
    "suspend": Try("power freeze", "sh: write error: "),
    "why": Try("say", "roundpen: Can't suspend: to PSCI the CPUs in the pen are on"),
    "remove": Try("remove", "gone"),
    # Without the module PSCI lets in an image that knows no pen.
    "image without the module": Try("with /tmp/stock", "loaded"),
    "insert behind it": Try(
        "insert way=psci", "insmod: can't insert '/kexec/0/roundpen.ko': Device or resource busy "
        "roundpen: refused: an image may be loaded already"
    ),
    "unload": Try("without_image", "0"),
    "insert": Try("insert way=psci", "roundpen: new pen at"),
}  # fmt: skip


def answers(name: str, kernel_name: str, parameters: str, tries: dict[str, Try]) -> dict[str, str]:
    """What each try printed, in one boot."""
    board = machine(name)
    kernel = session.kernel(kernel_name)
    job = Job(
        board,
        kernel,
        Scenario(
            late=session.late([kernel], parameters),
            extra=tuple(f"run sh /lib/guards.sh {one.what}" for one in tries.values()),
            expects=expected(board, None, late=True),
        ),
        timeout=TIMEOUT if kernel.package else TRIMMED_TIMEOUT,
        command_line="crashkernel=64M",
        files={
            "bin/kexec-probe": Member(probe(), executable=True),
            "lib/guards.sh": Member((HERE / "guards.sh").read_bytes()),
        },
    )
    result = session.perform(job)
    problems = result.verdict.all_problems()
    assert not problems, "\n".join([*problems, f"transcript: {result.transcript}"])
    found = [event.rest("said") for event in result.events if event.name == "run"]
    return dict(zip(tries, found, strict=True))


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    return answers("virt-unique-el2-gicv2-4-a53", "lab-plain", "", TRIES)


@pytest.fixture(scope="module")
def said_under_psci() -> dict[str, str]:
    return answers("psci-gicv2-4-a53", "lab-plain", "way=psci", PSCI_TRIES)


@pytest.mark.parametrize("name", TRIES)
def test_guard(name: str, said: dict[str, str]) -> None:
    assert said[name].startswith(TRIES[name].expects), said[name]


@pytest.mark.parametrize("name", PSCI_TRIES)
def test_guard_under_psci(name: str, said_under_psci: dict[str, str]) -> None:
    found = said_under_psci[name]
    assert found.startswith(PSCI_TRIES[name].expects), found

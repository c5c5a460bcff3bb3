# SPDX-License-Identifier: BSD-2-Clause
"""What `roundpen check --live` makes of a booted Debian kernel: its own files, read on the host.

The guest hands over the files as they are, because its Debian has no libfdt binding that works
(see `_too_old` in roundpen.devicetree.outline). The guest's busybox has no /dev/kmsg reader, so
the log is what dmesg prints, with the prefix of a record put before each line.
"""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from roundpen.check import Checked, System, check_board, live
from roundpen.contract.layout import Offer
from roundpen.lab import session
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario, expected
from roundpen.lab.session import Job
from tests.boot import guest_python
from tests.boot.runs import AS_IS, TIMEOUT, WRAPPED

pytestmark = pytest.mark.timeout(900)

BOARD = machine("virt-unique-el2-gicv2-2-a53")
KERNEL = "debian-6.1"
CPUS = "/sys/devices/system/cpu"
FILES = {
    "fdt": "/sys/firmware/fdt",
    "cmdline": "/proc/cmdline",
    "release": "/proc/sys/kernel/osrelease",
    "disabled": "/proc/sys/kernel/kexec_load_disabled",
    "loaded": "/sys/kernel/kexec_loaded",
    "possible": f"{CPUS}/possible",
    "online": f"{CPUS}/online",
    "switch": f"{CPUS}/cpu1/online",
}
LOG = r"dmesg | grep -E 'started at|kexec|stuck|psci' | tail -n 20"


def ask(wrap: Offer | None, folder: Path) -> tuple[Checked, System]:
    programs: dict[str, tuple[str, ...]] = {
        name: ("sh", "-c", f"gzip -c {path} | base64") for name, path in FILES.items()
    }
    kernel = session.kernel(KERNEL)
    job = Job(
        BOARD,
        kernel,
        Scenario(extra=guest_python.steps(), expects=expected(BOARD, wrap)),
        wrap=wrap,
        timeout=TIMEOUT,
        files=guest_python.script(programs | {"log": ("sh", "-c", LOG)}),
    )
    result = session.perform(job)
    problems = result.verdict.all_problems()
    assert not problems, "\n".join([*problems, f"transcript: {result.transcript}"])
    told = guest_python.told(result.events)
    for name, path in FILES.items():
        if told[name].err:  # the kernel has no such file: that too is what it says
            continue
        put(folder, path, gzip.decompress(base64.b64decode(told[name].out)))
    (folder / f"{CPUS}/cpu1".lstrip("/")).mkdir(exist_ok=True)
    records = "".join(f"6,1,1,-;{line}\n" for line in told["log"].out.splitlines())
    put(folder, "/dev/kmsg", records.encode())
    board, system = live.read(folder)
    return check_board(board, system), system


def put(folder: Path, path: str, content: bytes) -> None:
    target = folder / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def codes(checked: Checked) -> set[str]:
    return {finding.code for finding in checked.findings if finding.severity.value != "note"}


def test_a_spin_table_as_it_is(tmp_path: Path) -> None:
    checked, system = ask(AS_IS, tmp_path)
    assert system.entry_level == 2
    assert (system.possible, system.online) == (2, 2)
    assert system.cannot_offline == (1,)
    assert system.whole_tree
    assert "RP040" in codes(checked)
    best = checked.routes[0]
    assert (best.name, best.state.value) == ("pen-psci-el2", "open")


def test_the_same_board_under_the_pen(tmp_path: Path) -> None:
    checked, system = ask(WRAPPED, tmp_path)
    assert system.entry_level == 1
    assert system.cannot_offline == ()
    assert checked.board is not None
    assert checked.board.pen_offer == "psci"
    assert codes(checked) == set()
    best = checked.routes[0]
    assert (best.name, best.state.value) == ("psci", "open")

# SPDX-License-Identifier: BSD-2-Clause
"""What `roundpen check --live` makes of a booted Debian kernel: its own files, read on the host.

And the plan of `roundpen kexec` for it, held against what kexec-tools does there.

The guest hands over the files as they are, because its Debian has no libfdt binding that works
(see `_too_old` in roundpen.devicetree.outline). The guest's busybox has no /dev/kmsg reader, so
the log is what dmesg prints, with the prefix of a record put before each line.
"""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path

import pytest

from roundpen.check import Checked, System, check_board, live
from roundpen.contract.layout import Offer
from roundpen.kexec import plan, system
from roundpen.kexec.wanted import Wanted
from roundpen.lab import session
from roundpen.lab.guest.root import Member
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Scenario, expected
from roundpen.lab.session import Job
from tests.boot import guest_python
from tests.boot.runs import AS_IS, TIMEOUT, WRAPPED

pytestmark = pytest.mark.timeout(900)

BOARD = machine("virt-unique-el2-gicv2-2-a53")
KERNEL = "debian-6.1"
LINE = "console=ttyAMA0 quiet"
CPUS = "/sys/devices/system/cpu"
FILES = {
    "fdt": "/sys/firmware/fdt",
    "iomem": "/proc/iomem",
    "meminfo": "/proc/meminfo",
    "auxv": "/proc/self/auxv",
    "midr": f"{CPUS}/cpu0/regs/identification/midr_el1",
    "cmdline": "/proc/cmdline",
    "release": "/proc/sys/kernel/osrelease",
    "disabled": "/proc/sys/kernel/kexec_load_disabled",
    "loaded": "/sys/kernel/kexec_loaded",
    "possible": f"{CPUS}/possible",
    "online": f"{CPUS}/online",
    "switch": f"{CPUS}/cpu1/online",
}
INITRD = 5_000_001
HEAD = "lib/head"
LOAD = f"""
head -c {INITRD} </dev/zero >/tmp/zeros
kexec -c -d -i -l /{HEAD} --initrd=/tmp/zeros --command-line='{LINE}' 2>&1 |
	grep '^segment.*mem' | sort -u
kexec -u
"""
"""What kexec-tools would load, and where: it says so before the kernel may refuse it. Of the kernel
it needs no more than the header for that."""
LOG = r"dmesg | grep -E 'started at|kexec|stuck|psci' | tail -n 20"


def ask(wrap: Offer | None, folder: Path) -> tuple[Checked, System, str]:
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
        files=guest_python.script(programs | {"log": ("sh", "-c", LOG), "load": ("sh", "-c", LOAD)})
        | {HEAD: Member(kernel.image.read_bytes()[:65536])},
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
    board, found = live.read(folder)
    return check_board(board, found), found, told["load"].out


def put(folder: Path, path: str, content: bytes) -> None:
    target = folder / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def codes(checked: Checked) -> set[str]:
    return {finding.code for finding in checked.findings if finding.severity.value != "note"}


def as_foreseen(folder: Path, loaded: str) -> None:
    """The plan lays the segments where kexec-tools in the guest laid them."""
    initrd = folder / "zeros"
    initrd.write_bytes(bytes(INITRD))
    image = session.kernel(KERNEL).image
    made = plan.make(system.read(folder), Wanted(image, initrd, LINE, dry_run=True))
    real = sorted(
        (int(at, 16), int(size, 16))
        for at, size in zip(
            re.findall(r"mem += (0x[0-9a-f]+)", loaded),
            re.findall(r"memsz = (0x[0-9a-f]+)", loaded),
            strict=True,
        )
    )
    foreseen = sorted(each.range for each in made.segments)
    # The plan's tree has seeds that this one has not, and of purgatory only the most is foreseen.
    assert [at for at, _ in real[:-1]] == [span.start for span in foreseen[:-1]], loaded
    assert [size for _, size in real[:2]] == [span.end - span.start for span in foreseen[:2]]
    at, size = real[-1]
    assert foreseen[2].start < at < at + size <= foreseen[-1].end


def test_a_spin_table_as_it_is(tmp_path: Path) -> None:
    checked, found, loaded = ask(AS_IS, tmp_path)
    as_foreseen(tmp_path, loaded)
    assert found.entry_level == 2
    assert (found.possible, found.online) == (2, 2)
    assert found.cannot_offline == (1,)
    assert found.whole_tree
    assert "RP040" in codes(checked)
    best = checked.routes[0]
    assert (best.name, best.state.value) == ("pen-psci-el2", "open")


def test_the_same_board_under_the_pen(tmp_path: Path) -> None:
    checked, found, loaded = ask(WRAPPED, tmp_path)
    as_foreseen(tmp_path, loaded)
    assert found.entry_level == 1
    assert found.cannot_offline == ()
    assert checked.board is not None
    assert checked.board.pen_offer == "psci"
    assert codes(checked) == set()
    best = checked.routes[0]
    assert (best.name, best.state.value) == ("psci", "open")

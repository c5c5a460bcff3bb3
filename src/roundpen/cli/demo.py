# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen demo`: a Raspberry Pi 3B, stock kernel and tree, into other kernels with every CPU."""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from roundpen import extras
from roundpen.cli.exits import Exit
from roundpen.cli.progress import progress

if TYPE_CHECKING:
    from rich.console import Console

    from roundpen.lab.session import Job, Result

KERNELS = ("debian-6.1", "debian-6.12", "debian-6.1")
"""What runs one after the other, by the late pen."""
KEXECS = 2
CYCLES = 1
_log = logging.getLogger(__name__)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "demo",
        help="an emulated Raspberry Pi 3B: kexec refused, then twice with every CPU",
        description="Boots Debian's own kernel with its own device tree on an emulated Raspberry "
        "Pi 3B, where kexec is refused. Then the module is loaded there, and the machine goes "
        "into another version of Linux and back, with every CPU and with KVM.",
    )
    parser.add_argument(
        "--wrap",
        action="store_true",
        help="without a module: beside the plain kernel, one with the pen in front",
    )
    parser.add_argument("--transcripts", type=Path, metavar="FOLDER", help="keep the consoles")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do the runs and print the table; the status is 0 only if all came out as they must."""
    extras.need("demo")
    from rich.console import Console

    began = time.monotonic()
    console = Console()
    results = _wrapped(console, args) if args.wrap else _late(console, args)
    from roundpen.report import lab as report

    for result in results:
        for line in report.closing(result):
            if "problem" in line or "transcript" in line:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    passed = all(result.verdict.passed for result in results)
    job = results[0].job
    console.print(
        f"{job.kernel.name} on {job.machine.name}, stock device tree: "
        + ("every CPU accounted for" if passed else "NOT as it must be")
        + f" ({time.monotonic() - began:.0f} s)"
    )
    return Exit.DONE if passed else Exit.FOUND


def _late(console: Console, args: argparse.Namespace) -> list[Result]:
    from roundpen.lab import session
    from roundpen.lab.machines import RASPI3B
    from roundpen.lab.scenario import Scenario, expected
    from roundpen.report import lab as report

    with progress():
        first, *others = (session.kernel(name) for name in KERNELS)
        scenario = Scenario(
            kexecs=len(others),
            cycles=CYCLES,
            kvm=True,
            late=session.late((first, *others)),
            expects=expected(RASPI3B, None, late=True),
        )
        job = session.Job(RASPI3B, first, scenario, chain=tuple(others))
        result = _perform(job, args, "late")
    console.print(report.late_pen(result))
    console.print(
        "In each kernel, by hand: kexec -l (stock: refused); insmod roundpen.ko;\n"
        "in the first, mount --bind /sys/kernel/roundpen/fdt /sys/firmware/fdt;\n"
        "kexec -l; kexec -e. On a board, roundpen kexec KERNEL does that, and\n"
        "rehearses it first.",
        highlight=False,
    )
    return [result]


def _wrapped(console: Console, args: argparse.Namespace) -> list[Result]:
    from roundpen.contract.layout import Offer
    from roundpen.lab import session
    from roundpen.lab.machines import RASPI3B
    from roundpen.lab.scenario import Scenario, expected
    from roundpen.report import lab as report

    results = []
    with progress():
        kernel = session.kernel(session.DEFAULT_KERNEL)
        for offer, name in ((None, "before"), (Offer.PSCI, "after")):
            scenario = Scenario(kexecs=KEXECS, cycles=CYCLES, expects=expected(RASPI3B, offer))
            job = session.Job(RASPI3B, kernel, scenario, wrap=offer)
            results.append(_perform(job, args, name))
    console.print(report.before_after(*results))
    return results


def _perform(job: Job, args: argparse.Namespace, name: str) -> Result:
    from roundpen.lab import session

    folder: Path | None = args.transcripts
    return session.perform(job, folder / f"{name}.txt" if folder else None)

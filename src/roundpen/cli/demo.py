# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen demo`: a Raspberry Pi 3B, stock kernel and tree, before and after."""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

from rich.console import Console

from roundpen import extras
from roundpen.cli.exits import Exit
from roundpen.cli.progress import progress

KEXECS = 2
CYCLES = 1
_log = logging.getLogger(__name__)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "demo",
        help="an emulated Raspberry Pi 3B: kexec refused, then kexec twice",
        description="Boots Debian's own kernel with its own device tree on an emulated Raspberry "
        "Pi 3B: as it is, where kexec is refused, and wrapped, where it kexecs twice.",
    )
    parser.add_argument("--transcripts", type=Path, metavar="FOLDER", help="keep the consoles")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do both runs and print the table; the status is 0 only if both came out as they must."""
    extras.need("demo")
    from roundpen.contract.layout import Offer
    from roundpen.lab import session
    from roundpen.lab.machines import RASPI3B
    from roundpen.lab.scenario import Scenario, expected
    from roundpen.report import lab as report

    began = time.monotonic()
    folder: Path | None = args.transcripts
    results = []
    with progress():
        kernel = session.kernel(session.DEFAULT_KERNEL)
        for offer, name in ((None, "before"), (Offer.PSCI, "after")):
            scenario = Scenario(kexecs=KEXECS, cycles=CYCLES, expects=expected(RASPI3B, offer))
            job = session.Job(RASPI3B, kernel, scenario, wrap=offer)
            results.append(session.perform(job, folder / f"{name}.txt" if folder else None))
    console = Console()
    console.print(report.before_after(*results))
    for result in results:
        for line in report.closing(result):
            if "problem" in line or "transcript" in line:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    passed = all(result.verdict.passed for result in results)
    console.print(
        f"{kernel.name} on {RASPI3B.name}, stock device tree: "
        + ("every CPU accounted for" if passed else "NOT as it must be")
        + f" ({time.monotonic() - began:.0f} s)"
    )
    return Exit.DONE if passed else Exit.FOUND

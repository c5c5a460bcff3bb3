# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen bench`: what the pen costs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from roundpen import extras
from roundpen.cli.exits import Exit
from roundpen.cli.progress import progress
from roundpen.errors import UserError


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "bench",
        help="measure what the pen costs",
        description="Instructions per call, boot time, hotplug and kexec against QEMU's own PSCI, "
        "sizes; each beside its target. Exit status 1 when one is missed.",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--runs", type=_runs, default=None, metavar="N", help="runs of each Linux machine"
    )
    parser.add_argument(
        "--checker", action="store_true", help="measure `roundpen check` instead of the pen"
    )
    parser.set_defaults(run=run)


def _runs(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 to 100")
    return value


def run(args: argparse.Namespace) -> int:
    """Measure, print, and say whether all targets are met."""
    extras.need("bench")
    from roundpen.lab.bench import checker, measure
    from roundpen.publish import publish
    from roundpen.report import bench as report

    if args.json is not None and not args.json.parent.is_dir():
        # Said now, not after minutes of measuring.
        raise UserError(f"{args.json}: there is no folder {args.json.parent} to write it to")
    with progress():
        found = checker.measure() if args.checker else measure.measure(args.runs or measure.RUNS)
    if args.json is not None:
        publish(args.json, (json.dumps(report.as_json(found), indent=2) + "\n").encode())
    sys.stdout.write(report.headline(found) + "\n")
    sys.stdout.flush()
    Console().print(report.table(found))
    return Exit.DONE if found.met else Exit.FOUND

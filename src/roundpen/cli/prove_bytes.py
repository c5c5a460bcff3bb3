# SPDX-License-Identifier: BSD-2-Clause
"""The parts of `roundpen prove` that are about the shipped bytes and about recorded runs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from roundpen import extras
from roundpen.cli.exits import Exit
from roundpen.errors import UserError, reason_of

if TYPE_CHECKING:
    from roundpen.proof.bytes.prove import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --bytes, --binary, --scenario and --replay. --deep and --json are the verb's own."""
    parser.add_argument(
        "--bytes",
        action="store_true",
        help="run the pen's resident binary under every interleaving of its CPUs",
    )
    parser.add_argument(
        "--binary",
        type=Path,
        metavar="FILE",
        help="with --bytes: another pen.bin, a wrapped Image, or resident.elf for its symbols",
    )
    parser.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="NAME",
        help="with --bytes: only this one, also one of --deep (may be repeated)",
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="TRANSCRIPT",
        help="hold a kept transcript of `lab run` against the CPU states",
    )


def run_bytes(args: argparse.Namespace) -> int:
    """Search; the status is 0 only if all holds."""
    extras.need("prove")
    from roundpen.proof.bytes import prove
    from roundpen.report import bytes as report

    errors = Console(stderr=True)
    outcomes: list[Outcome] = []
    with errors.status("unfolding the code ...") as status:

        def tell(name: str, states: int, steps: int) -> None:
            status.update(f"{name}: {states} states, {steps} steps")

        names = tuple(args.scenario)
        for one in prove.prove(args.binary, deep=args.deep, names=names, progress=tell):
            outcomes.append(one)
            verdict = "holds" if one.holds else "does not hold" if one.complete else "cut short"
            if one.counterexample is not None:
                verdict = f"broken: {one.counterexample.name}"
            said = f"{one.scenario}: {one.states} states in {one.seconds:.1f} s, {verdict}"
            errors.print(said, markup=False, highlight=False)
    if args.json:
        sys.stdout.write(json.dumps(report.as_json(outcomes), indent=2) + "\n")
    else:
        console = Console()
        console.print(report.table(outcomes))
        console.print(report.properties(outcomes))
        for line in report.closing(outcomes):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return Exit.DONE if all(one.holds for one in outcomes) else Exit.FOUND


def run_replay(args: argparse.Namespace) -> int:
    """Replay; the status is 0 only if every step is allowed."""
    from roundpen.proof.replay import replay
    from roundpen.report import bytes as report

    path: Path = args.replay
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {reason_of(error)}") from error
    result = replay(text.splitlines(), str(path))
    if args.json:
        sys.stdout.write(json.dumps(report.replayed_as_json(result), indent=2) + "\n")
    else:
        for line in report.replayed(result):
            sys.stdout.write(line + "\n")
    return Exit.DONE if result.allowed else Exit.FOUND

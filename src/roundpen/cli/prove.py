# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen prove`: the contract holds, and what breaks without each of its clauses."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from roundpen.cli import prove_bytes
from roundpen.cli.exits import Exit
from roundpen.cli.progress import progress
from roundpen.errors import UserError

if TYPE_CHECKING:
    from roundpen.proof.prove import Verdict


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "prove",
        help="check the contract by exhaustive search, and what each clause is for",
        description="Searches models of the contract exhaustively, and shows for each clause what "
        "goes wrong without it. Needs spin and gcc. Exit status 1 when anything comes out "
        "otherwise than it must, or a search was cut short.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--mutant", metavar="NAME", help="one mutant, and its counterexample")
    what.add_argument("--list", action="store_true", help="name the mutants")
    what.add_argument("--document", action="store_true", help="the tables of docs/proof.md")
    parser.add_argument("--deep", action="store_true", help="more CPUs; takes much longer")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="with --mutant: draw it there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="with --mutant: a page there")
    prove_bytes.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    if args.replay is not None:
        return prove_bytes.run_replay(args)
    if args.bytes:
        return prove_bytes.run_bytes(args)
    if args.binary or args.scenario:
        raise UserError("--binary, --scenario: there is no binary to run", remedy="add --bytes")
    from roundpen.proof import catalogue
    from roundpen.report import proof as report

    if args.list:
        if args.json:
            found = report.listing_as_json(catalogue.load())
            sys.stdout.write(json.dumps(found, indent=2) + "\n")
        else:
            Console().print(report.listing(catalogue.load()))
        return Exit.DONE
    if args.document:
        sys.stdout.write(report.document(catalogue.load()))
        return Exit.DONE
    if args.mutant is not None:
        return _one(args)
    if args.svg or args.html:
        raise UserError("--svg, --html: there is nothing to draw", remedy="add --mutant NAME")
    return _all(args)


def _all(args: argparse.Namespace) -> int:
    from roundpen.proof import catalogue, prove
    from roundpen.report import proof as report

    with progress():
        verdicts = prove.prove(prove.subjects(catalogue.load()), deep=args.deep)
    if args.json:
        sys.stdout.write(json.dumps(report.as_json(verdicts), indent=2) + "\n")
    else:
        Console().print(report.table(verdicts))
        sys.stdout.write(report.headline(verdicts) + "\n")
    return Exit.DONE if all(verdict.as_expected for verdict in verdicts) else Exit.FOUND


def _one(args: argparse.Namespace) -> int:
    from roundpen.proof import catalogue, prove
    from roundpen.report import proof as report

    with progress():
        (verdict,) = prove.prove([catalogue.load().mutant(args.mutant)], deep=args.deep)
    if args.json:
        sys.stdout.write(json.dumps(report.as_json([verdict])[0], indent=2) + "\n")
    else:
        sys.stdout.write(report.counterexample(verdict) + "\n")
    _draw(args, verdict)
    return Exit.DONE if verdict.as_expected else Exit.FOUND


def _draw(args: argparse.Namespace, verdict: Verdict) -> None:
    from roundpen.publish import publish
    from roundpen.report import proof as report
    from roundpen.report import timeline as picture

    timeline = verdict.run.timeline
    if not (args.svg or args.html):
        return
    if timeline is None:
        raise UserError(f"{verdict.subject.name}: has no counterexample, so there is no picture")
    if args.svg:
        publish(args.svg, picture.svg(timeline))
    if args.html:
        publish(args.html, picture.page(timeline, verdict.subject.name, report.facts(verdict)))

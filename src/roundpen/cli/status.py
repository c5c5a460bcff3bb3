# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen status`: what the pen's logbook says about every CPU."""

from __future__ import annotations

import argparse
import json
import mmap
import sys
from pathlib import Path

from rich.console import Console

from roundpen.cli.exits import Exit
from roundpen.errors import MachineError, UserError, reason_of
from roundpen.logbook import find, live
from roundpen.logbook.parse import Logbook
from roundpen.report import logbook as report


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "status",
        help="show the pen's logbook",
        description="Show what the pen recorded about each CPU: on this machine (as root, "
        "through /dev/mem), or from a memory dump.",
    )
    parser.add_argument(
        "--dump", type=Path, metavar="FILE", help="look for the logbook in a memory dump"
    )
    parser.add_argument("--json", action="store_true", help="print the logbook as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the logbook."""
    dump: Path | None = args.dump
    book = live.read() if dump is None else _from_dump(dump)
    if args.json:
        sys.stdout.write(json.dumps(report.as_json(book), indent=2) + "\n")
        return Exit.DONE
    for line in report.headline(book):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
    Console().print(report.table(book))
    return Exit.DONE


def _from_dump(path: Path) -> Logbook:
    """Search a dump without reading it all into memory."""
    try:
        with path.open("rb") as stream:
            if not path.stat().st_size:
                raise UserError(f"{path}: empty", remedy="give a memory dump")
            with mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as area:
                return find.find(area, str(path))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise UserError(f"{path}: cannot be read: {reason_of(error)}") from error
    except OSError as error:
        raise MachineError(f"{path}: reading failed: {reason_of(error)}") from error

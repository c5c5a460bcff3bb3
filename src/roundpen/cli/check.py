# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen check`: what stands in the way of kexec on a board, and which ways are open."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from roundpen.cli.exits import Exit
from roundpen.errors import UserError

if TYPE_CHECKING:
    from roundpen.check import Checked
    from roundpen.check.system import Kernel
    from roundpen.report.check import Summary


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "check",
        help="say what stands in the way of kexec on a board, and which ways are open",
        description="Reads device trees, or the running system, and says what stands in the way "
        "of kexec and CPU hotplug and which ways are open, best first. Exit status: 0 clean, "
        "1 findings (notes don't count), 2 something could not be read.",
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="BOARD", help="DTBs, sources, folders of them"
    )
    parser.add_argument("--live", action="store_true", help="check the running system")
    parser.add_argument(
        "--entry-level",
        type=int,
        choices=(1, 2, 3),
        metavar="N",
        help="exception level at which the loader enters the kernel, if you know it",
    )
    parser.add_argument(
        "--kernel",
        type=Path,
        metavar="FILE",
        help="a kernel, plain or wrapped: has the board's loader room for it? With --live the "
        "default is /boot/vmlinuz-RELEASE, if it can be read",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON (docs/check.schema.json)")
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0")
    form.add_argument("--rules", action="store_true", help="list the rules")
    form.add_argument("--explain", metavar="RPnnn", help="explain one rule")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, print, and say how it went."""
    from roundpen.report import check as report

    if args.rules or args.explain:
        from roundpen.check.findings import find_rule, rules

        lines = report.explanation(find_rule(args.explain)) if args.explain else None
        _print(lines or report.rule_list(rules()))
        return Exit.DONE
    if bool(args.paths) == args.live:
        raise UserError("give one or more of BOARD, or --live", remedy="see --help")
    return _live(args) if args.live else _paths(args)


def _paths(args: argparse.Namespace) -> int:
    from roundpen.check.files import folder
    from roundpen.check.run import check_files
    from roundpen.check.system import System

    paths: list[Path] = []
    many = len(args.paths) > 1
    for path in args.paths:
        if path.is_dir():
            many = True
            paths += folder(path)
        else:
            paths.append(path)
    system = System(entry_level=args.entry_level, kernel=_kernel(args.kernel))
    return _show(check_files(paths, system), args, many=many)


def _live(args: argparse.Namespace) -> int:
    from dataclasses import replace

    from roundpen.check import live
    from roundpen.check.run import check_board

    kernel = _kernel(args.kernel)
    board, system = live.read()
    if args.entry_level is not None:
        system = replace(system, entry_level=args.entry_level)
    if kernel is not None:
        system = replace(system, kernel=kernel)
    return _show(iter([check_board(board, system)]), args, many=False)


def _kernel(path: Path | None) -> Kernel | None:
    from roundpen.check.files import kernel

    return None if path is None else kernel(path)


def _show(results: Iterator[Checked], args: argparse.Namespace, *, many: bool) -> int:
    from roundpen.check.findings import rules
    from roundpen.report import check as report

    summary = report.Summary()
    if args.json or args.sarif:
        from roundpen.report import check_json, check_sarif

        every = list(results)
        for checked in every:
            summary.add(checked)
        document = (
            check_sarif.document(every, rules()) if args.sarif else check_json.document(every)
        )
        _print([document])
        return _status(summary)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for checked in results:
        summary.add(checked)
        if many:
            _print([report.line(checked, colour=colour)])
        elif checked.board is None:
            sys.stderr.write(f"roundpen: error: {checked.unreadable}\n")
        else:
            _print(report.full(checked, colour=colour))
    if many:
        _print(["", *summary.lines(rules())])
    return _status(summary)


def _status(summary: Summary) -> Exit:
    if summary.unreadable:
        return Exit.UNUSABLE
    return Exit.DONE if summary.all_clean else Exit.FOUND


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")

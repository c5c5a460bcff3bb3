# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen kexec [KERNEL]`: this machine, as it runs, into another kernel with every CPU."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from roundpen.cli.exits import Exit
from roundpen.errors import UserError

if TYPE_CHECKING:
    from roundpen.kexec.perform import Loaded
    from roundpen.kexec.plan import Plan
    from roundpen.kexec.rehearse import Rehearsal
    from roundpen.kexec.wanted import Wanted

_WAYS = ("late", "psci", "return", "nr_cpus=1")
"""The values of kexec.wanted.Way, best first; tested equal."""

_INSTEAD = {
    "--dry-run": "print the plan, change nothing",
    "--load-only": "leave it loaded, don't jump",
    "--list": "list what could be booted",
    "--last": "say whether the last jump did as promised",
    "--prepare-single": "say how to start this system with one CPU, for nr_cpus=1",
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "kexec",
        help="go into another kernel now, with every CPU: plan, rehearse, jump",
        description="Starts another kernel on this machine, as it runs now, with every CPU. "
        "Prints the plan, tries each CPU off and on, loads, and jumps. Without KERNEL: what this "
        "system would boot next. Exit status: 2 no permission, no arm64, a container or an "
        "unusable file, 3 this machine or its kernel won't, 1 begun and failed.",
    )
    parser.add_argument(
        "kernel", nargs="?", type=Path, metavar="KERNEL", help="a kernel in any packing of wrap's"
    )
    parser.add_argument("--initrd", type=Path, metavar="FILE", help="its initrd")
    words = parser.add_mutually_exclusive_group()
    words.add_argument(
        "--command-line", metavar="WORDS", help="its command line (default: its loader entry's)"
    )
    words.add_argument(
        "--reuse-command-line", action="store_true", help="the running kernel's command line"
    )
    parser.add_argument(
        "--dtb", type=Path, metavar="FILE", help="a device tree, to be merged with the running one"
    )
    parser.add_argument(
        "--way", choices=_WAYS, help="how the CPUs leave this kernel (default: the best open way)"
    )
    parser.add_argument("--no-rehearsal", action="store_true",
                        help="try no CPU, and have no digest of the image checked")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON (docs/kexec.schema.json)")
    instead = parser.add_mutually_exclusive_group()
    for option, told in _INSTEAD.items():
        instead.add_argument(option, action="store_true", help=told)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do what was asked for."""
    if args.list:
        return _list(args)
    if args.last:
        return _last(args)
    _here()
    return _prepare_single() if args.prepare_single else _kexec(args)


def _here() -> None:
    """Before anything is read: elsewhere nothing of it means anything."""
    if platform.machine() != "aarch64":
        raise UserError(
            f"this machine is no arm64 (it says {platform.machine() or 'nothing'})",
            remedy="run it on the board",
        )


def _kexec(args: argparse.Namespace) -> int:
    from roundpen.kexec import perform, plan, system

    now = system.read()
    made = plan.make(now, _wanted(args))
    if not args.dry_run:
        perform.refuse_caller(made)
    _show(made, args)
    perform.refuse(made)
    if args.dry_run:
        return Exit.DONE
    now, made = perform.with_module(now, made, _tell)
    ready = perform.run(now, made, _tell, _rehearsed, rehearsal=not args.no_rehearsal)
    if args.load_only:
        _print(_left_loaded(ready))
    return Exit.DONE


def _wanted(args: argparse.Namespace) -> Wanted:
    from roundpen.kexec import asked
    from roundpen.kexec.wanted import Way

    return asked.wanted(
        kernel=args.kernel,
        initrd=args.initrd,
        command_line=args.command_line,
        reuse=args.reuse_command_line,
        dtb=args.dtb,
        way=Way(args.way) if args.way else None,
        load_only=args.load_only,
        dry_run=args.dry_run,
    )


def _show(made: Plan, args: argparse.Namespace) -> None:
    from roundpen.report import kexec as report

    _print([made.json()] if args.json else report.lines(made))


def _rehearsed(done: Rehearsal) -> None:
    from roundpen.report import rehearsal as report

    for line in report.lines(done):
        _tell(line)


def _left_loaded(ready: Loaded) -> list[str]:
    from roundpen.kexec.jump import SKIP, By

    kernel, tool = ready.plan.wanted.kernel, ready.program
    start = "systemctl kexec" if ready.by is By.SYSTEMD else f"{tool} -e"
    return [
        f"{kernel} is loaded. {start} starts it; {tool} -u lets go of it.",
        f"Mind: reboot starts it too, as systemd and Debian's init scripts do it; {SKIP}=1 "
        "systemctl reboot does not.",
    ]


def _list(args: argparse.Namespace) -> int:
    from roundpen.kexec import choice
    from roundpen.report import kexec_list

    menu = choice.look()
    _print([kexec_list.document(menu)] if args.json else kexec_list.lines(menu))
    return Exit.DONE


def _last(args: argparse.Namespace) -> int:
    from roundpen.kexec import verdict

    found = verdict.last()
    if args.json:
        _print([json.dumps(verdict.as_json(found), indent=2)])
    else:
        _print(verdict.lines(found))
    return Exit.DONE if found.kept else Exit.FOUND


def _prepare_single() -> int:
    from roundpen.kexec import single

    _print(single.lines(single.places()))
    return Exit.DONE


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()

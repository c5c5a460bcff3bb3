# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen lab`: try kexec and hotplug on the lab's machines."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from roundpen import extras
from roundpen.cli.exits import Exit
from roundpen.cli.progress import progress
from roundpen.errors import UserError

if TYPE_CHECKING:
    from roundpen.lab.session import Job, Result


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "lab",
        help="try kexec and hotplug on emulated machines",
        description="Boots kernels on emulated machines, has them kexec and unplug CPUs, and "
        "accounts for every CPU. Fetches Debian packages into the cache when it lacks them.",
    )
    verbs = parser.add_subparsers(dest="lab_verb", metavar="WHAT", required=True)
    listing = verbs.add_parser(
        "list",
        help="the machines and kernels there are",
        description="Families of machines and the grammar of their names, kernels, faults. With "
        "PATTERN, the machines that it matches.",
    )
    listing.add_argument("pattern", nargs="?", metavar="PATTERN", help="for example 'virt-*-8-*'")
    listing.add_argument("--json", action="store_true", help="print all that there is as JSON")
    listing.set_defaults(run=run, what=_list)
    _register_run(verbs)


def _register_run(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser("run", help="boot one machine and judge what happens")
    parser.add_argument("machine", metavar="MACHINE", help="see `roundpen lab list`")
    parser.add_argument(
        "--kernel", default="debian-6.1", help="name or file (default: %(default)s)"
    )
    parser.add_argument(
        "--wrap", choices=["psci", "return"], help="put the pen in front, with this offer"
    )
    parser.add_argument("--kexec", type=int, default=0, metavar="N", help="chained kexecs")
    parser.add_argument(
        "--kexec-wrapped", action="store_true", help="kexec to the wrapped kernel, not the plain"
    )
    parser.add_argument(
        "--late",
        action="store_true",
        help="each kernel loads the module, which makes a pen and takes that of the one before",
    )
    parser.add_argument(
        "--kernels",
        default="",
        metavar="A,B,..",
        help="what the kexecs start, one after the other (default: always the first kernel)",
    )
    parser.add_argument(
        "--module", default="", metavar="WORDS", help="the first module's parameters: way=psci"
    )
    parser.add_argument("--hotplug", type=int, default=0, metavar="N", help="cycles per secondary")
    parser.add_argument(
        "--boot-cpu", action="store_true", help="unplug CPU 0 too, not only the secondaries"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="CPUS=FAULT",
        help="what is wrong with a firmware that takes CPUs back: see `roundpen lab list`; may "
        "be given more than once, also for a range of CPUs as in 1-3=no-receipt",
    )
    parser.add_argument(
        "--limit",
        default="",
        metavar="WORD",
        help="maxcpus=N or nosmp for the first kernel, and not for those after it",
    )
    parser.add_argument(
        "--crash",
        type=int,
        metavar="CPU",
        help="after the kexecs, crash on this CPU, with a capture kernel loaded",
    )
    parser.add_argument(
        "--spinning", type=int, metavar="CPU", help="a CPU that spins, interrupts off, meanwhile"
    )
    parser.add_argument(
        "--capture-append", default="", metavar="WORDS", help="for the capture kernel: maxcpus=1"
    )
    parser.add_argument(
        "--kvm", action="store_true", help="start a virtual machine under each kernel"
    )
    parser.add_argument(
        "--ending", choices=["stay", "poweroff", "reboot"], default="stay", help="how to end"
    )
    parser.add_argument("--append", default="", metavar="WORDS", help="more for the command line")
    parser.add_argument("--timeout", type=_seconds, default=900.0, metavar="S", help="wall seconds")
    parser.add_argument("--transcript", type=Path, metavar="FILE", help="keep the console's lines")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run, what=_run)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text}: expected more than 0 and less than a day")
    return value


def run(args: argparse.Namespace) -> int:
    """Do what was asked of the lab."""
    what: Callable[[argparse.Namespace], int] = args.what
    return what(args)


def _list(args: argparse.Namespace) -> int:
    """Print the families, kernels and faults; or the machines that a pattern matches."""
    from roundpen.lab.machines import MACHINES, matching
    from roundpen.report import lab_list as report

    pattern: str | None = args.pattern
    machines = [*MACHINES.values()] if pattern is None else matching(pattern)
    if args.json:
        lines = iter([json.dumps(report.as_json(machines), indent=2)])
    else:
        lines = report.overview() if pattern is None else report.listing(machines)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return Exit.DONE


def _run(args: argparse.Namespace) -> int:
    """Do one run; the status is 0 only if all is accounted for."""
    extras.need("lab")
    from roundpen.lab import session

    _check(args)
    with progress():
        result = session.perform(job(args), args.transcript)
    if args.json:
        from roundpen.report import lab as report

        sys.stdout.write(json.dumps(report.as_json(result), indent=2) + "\n")
    else:
        show(result)
    return Exit.DONE if result.verdict.passed else Exit.FOUND


def _check(args: argparse.Namespace) -> None:
    for name in ("kexec", "hotplug"):
        if not 0 <= getattr(args, name) <= 1000:
            raise UserError(f"--{name} {getattr(args, name)}: expected 0 to 1000")
    if args.kexec and args.kernels.count(",") >= args.kexec:
        raise UserError(f"--kexec {args.kexec}: --kernels names more", remedy="leave out --kexec")
    if args.kexec_wrapped and not args.wrap:
        raise UserError("--kexec-wrapped: nothing is wrapped", remedy="add --wrap psci")

    if args.late and args.wrap == "psci":
        raise UserError("--late: the kernel is to have PSCI from the pen",
                        remedy="leave out --wrap, or take --wrap return")  # fmt: skip
    if args.module and not args.late:
        raise UserError("--module: no module is loaded", remedy="add --late")
    if args.crash is None and (args.spinning is not None or args.capture_append):
        raise UserError("--spinning, --capture-append: nothing crashes", remedy="add --crash CPU")


def job(args: argparse.Namespace) -> Job:
    """The run that the options describe.

    What must come of it follows from machine, kernel, wrap and faults: a machine with a
    spin-table refuses kexec and hotplug, unless the pen or the firmware takes CPUs back and the
    kernel knows how to send them.
    """
    from roundpen.contract.layout import Offer
    from roundpen.lab import faults, session
    from roundpen.lab.machines import machine
    from roundpen.lab.scenario import Crash, Ending, Scenario, expected

    where = machine(args.machine)
    kernel = session.kernel(args.kernel)
    chain = tuple(session.kernel(name) for name in args.kernels.split(",") if name)
    offer = Offer[args.wrap.upper()] if args.wrap else None
    wrong = tuple(one for text in args.fault for one in faults.parse(text))
    faults.check(wrong, where)
    crash = Crash(args.crash, args.spinning, args.capture_append)
    return session.Job(
        machine=where,
        kernel=kernel,
        scenario=Scenario(
            kexecs=args.kexec or len(chain),
            cycles=args.hotplug,
            boot_cpu_too=args.boot_cpu,
            ending=Ending(args.ending),
            limit=args.limit,
            crash=None if args.crash is None else crash,
            kvm=args.kvm,
            late=session.late((kernel, *chain), args.module) if args.late else None,
            expects=expected(
                where,
                offer,
                kexec_wrapped=args.kexec_wrapped,
                returns=session.knows_return(kernel),
                faults=wrong,
                late=args.late,
            ),
        ),
        faults=wrong,
        wrap=offer,
        kexec_wrapped=args.kexec_wrapped,
        timeout=args.timeout,
        command_line=args.append,
        chain=chain,
    )


def show(result: Result) -> None:
    """Print the tables and the verdict."""
    from roundpen.report import lab as report

    console = Console()
    for trip in result.verdict.trips:
        console.print(report.table(trip, report.headline(trip, result)))
    for line in report.closing(result):
        console.print(line, markup=False, highlight=False, soft_wrap=True)

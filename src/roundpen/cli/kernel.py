# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen kernel`: fetch, patch, configure and build Linux; check the return series."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from roundpen.cli.exits import Exit
from roundpen.cli.progress import progress
from roundpen.errors import UserError


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "kernel", help="fetch, patch, configure, build Linux; check the return series"
    )
    verbs = parser.add_subparsers(dest="kernel_verb", metavar="WHAT", required=True)
    _register_tree(verbs)
    _register_build(verbs)
    _register_module(verbs)
    _register_check(verbs)


def _register_tree(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fetch = verbs.add_parser("fetch", help="Debian's kernel source, whole, for you to edit")
    fetch.add_argument(
        "what", nargs="?", default="6.1", metavar="6.1|6.12|PACKAGE",
        help="kernel line, or Debian's package linux-source-VERSION (default: %(default)s)",
    )  # fmt: skip
    fetch.add_argument(
        "--into", type=Path, metavar="DIR", help="new or empty folder (default: the package's name)"
    )
    fetch.set_defaults(run=run_fetch)
    patch = verbs.add_parser("patch", help="apply the return series to a Linux source tree")
    patch.add_argument("tree", type=Path, metavar="TREE", help="folder of the top Makefile")
    patch.set_defaults(run=run_patch)
    config = verbs.add_parser(
        "config",
        help="write a trimmed configuration for a tree",
        description="Merges the trimmed configuration of these machines with the tree's own "
        "merge_config.sh and checks that every option took effect. The tree is not written to.",
    )
    config.add_argument("tree", type=Path, metavar="TREE", help="folder of the top Makefile")
    _add_machine(config)
    config.add_argument(
        "-o", dest="objects", type=Path, default=Path("linux-objects"), metavar="OBJDIR",
        help="new or empty folder for make's O= (default: %(default)s)",
    )  # fmt: skip
    config.set_defaults(run=run_config)


def _register_build(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    build = verbs.add_parser(
        "build",
        help="build a kernel, unless the cache has it; prints its path",
        description="Without TREE, a kernel of the lab. With TREE, that tree as it is, with the "
        "trimmed configuration; a tree whose content was built before costs nothing, and no tree "
        "is ever written to.",
    )
    build.add_argument("tree", type=Path, nargs="?", metavar="TREE", help="a clean source tree")
    build.add_argument("--flavour", default="lab", help="see `roundpen lab list`")
    _add_machine(build)
    build.set_defaults(run=run)


def _register_module(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
) -> None:
    module = verbs.add_parser(
        "module",
        help="build the late pen's module for a kernel of the lab; prints its path",
        description="Takes the kernel's headers into the cache, Debian's as packages, and builds "
        "module/ against them with the host's cross compiler. On a board, DKMS does that.",
    )
    module.add_argument("kernel", metavar="KERNEL", help="its name, see `roundpen lab list`")
    module.add_argument("-o", dest="out", type=Path, metavar="FILE", help="copy it there, too")
    module.add_argument(
        "--headers", action="store_true", help="build nothing: print the folder to build against"
    )
    module.set_defaults(run=run_module)


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--machine",
        action="append",
        default=[],
        metavar="M",
        help="virt or raspi3b; may be given again (default: all of them)",
    )


def _register_check(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = verbs.add_parser(
        "check",
        help="put the return series through checkpatch, dt-schema and the compiler",
        description="Applies the series patch by patch to a copy. After each: checkpatch.pl "
        "--strict in the tree, the binding under dt-schema, a build with -Werror. Then the whole "
        "series in other configurations. Exit status: 1 when a judge objects, 3 when none does "
        "but one is not installed: nobody was asked, so nobody agreed.",
    )
    check.add_argument("tree", metavar="TREE|6.1|6.12",
                       help="an unpatched source tree; or a line, for Debian's")  # fmt: skip
    depth = check.add_mutually_exclusive_group()
    depth.add_argument("--no-build", action="store_true", help="compile nothing")
    depth.add_argument(
        "--quick", action="store_true", help="compile only what the series touches, one way"
    )
    check.add_argument("--json", action="store_true", help="print the findings as JSON")
    check.set_defaults(run=run_check)


def run(args: argparse.Namespace) -> int:
    """Build and print where the Image is."""
    from roundpen.kernel import fragment, own, trimmed

    if args.tree is None:
        if args.machine:
            raise UserError("--machine: the lab's kernels are for all machines",
                            remedy="leave it out, or give a TREE")  # fmt: skip
        with progress():
            image = trimmed.build(args.flavour).image
    else:
        extra = trimmed.find(args.flavour).extra
        wanted = fragment.of(args.machine or fragment.MACHINES, extra)
        with progress():
            image = own.build(args.tree, wanted).image
    sys.stdout.write(f"{image}\n")
    return Exit.DONE


def run_module(args: argparse.Namespace) -> int:
    """Build and print where the module is."""
    from roundpen.kernel import module
    from roundpen.publish import publish

    with progress():
        found = module.folder(args.kernel) if args.headers else module.build(args.kernel)
        if args.out is not None and not args.headers:
            publish(args.out, found.read_bytes())
            found = args.out
    sys.stdout.write(f"{found}\n")
    return Exit.DONE


def run_fetch(args: argparse.Namespace) -> int:
    """Unpack and print where."""
    from roundpen.kernel import source

    with progress():
        place = source.whole(args.what, args.into)
    sys.stdout.write(f"{place}\n")
    return Exit.DONE


def run_patch(args: argparse.Namespace) -> int:
    """Apply the series; say what was applied."""
    from roundpen.kernel import series

    done = series.patch(args.tree)
    for name in done.applied:
        sys.stdout.write(f"applied {name}\n")
    sys.stdout.write(f"{done.tree}: Linux {done.version}: series {done.line} applied\n")
    return Exit.DONE


def run_config(args: argparse.Namespace) -> int:
    """Configure and print where the .config is; on standard error, how to go on."""
    from roundpen.kernel import build, fragment, own

    wanted = fragment.of(args.machine or fragment.MACHINES)
    written = own.configure(args.tree, args.objects, wanted)
    sys.stdout.write(f"{written}\n")
    sys.stderr.write(
        f"every option is in effect; build: make -C {args.tree.resolve()} O={written.parent} "
        f"ARCH=arm64 CROSS_COMPILE={build.CROSS_COMPILE} Image\n"
    )
    return Exit.DONE


def run_check(args: argparse.Namespace) -> int:
    """Check the series on a copy of the tree."""
    from roundpen.kernel import check, source
    from roundpen.kernel.finding import Verdict
    from roundpen.report import series as report

    depth = check.Builds.TOUCHED if args.quick else check.Builds.ALL
    builds = check.Builds.NONE if args.no_build else depth
    with progress():
        if args.tree in source.ORIGINS and not Path(args.tree).exists():
            findings = check.check_line(args.tree, builds)
        else:
            findings = check.check_tree(Path(args.tree), builds)
    sys.stdout.write(report.as_json(findings) if args.json else report.text(findings))
    if any(one.verdict is Verdict.WRONG for one in findings):
        return Exit.FOUND
    return Exit.REFUSED if any(one.verdict is Verdict.SKIPPED for one in findings) else Exit.DONE

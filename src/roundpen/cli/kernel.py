# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen kernel`: the lab's own kernels, and the return series on anybody's tree."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from roundpen.cli.progress import progress


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser("kernel", help="build kernels; patch and check a tree")
    verbs = parser.add_subparsers(dest="kernel_verb", metavar="WHAT", required=True)
    build = verbs.add_parser("build", help="build one, unless the cache has it; prints its path")
    build.add_argument("--flavour", default="lab", help="see `roundpen lab list`")
    build.set_defaults(run=run)
    patch = verbs.add_parser("patch", help="apply the return series to a Linux source tree")
    patch.add_argument("tree", type=Path, metavar="TREE", help="folder of the top Makefile")
    patch.set_defaults(run=run_patch)
    check = verbs.add_parser("check", help="checkpatch, dt-schema and a build of each patch")
    check.add_argument("tree", type=Path, metavar="TREE", help="an unpatched Linux source tree")
    check.add_argument("--no-build", action="store_true", help="leave out the builds")
    check.set_defaults(run=run_check)


def run(args: argparse.Namespace) -> int:
    """Build and print where the Image is."""
    from roundpen.kernel import trimmed

    with progress():
        built = trimmed.build(args.flavour)
    sys.stdout.write(f"{built.image}\n")
    return 0


def run_patch(args: argparse.Namespace) -> int:
    """Apply the series; say what was applied."""
    from roundpen.kernel import series

    done = series.patch(args.tree)
    for name in done.applied:
        sys.stdout.write(f"applied {name}\n")
    sys.stdout.write(f"{done.tree}: Linux {done.version}: series {done.line} applied\n")
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Check the series on a copy of the tree; 1 when something is wrong with it."""
    from roundpen.kernel import check

    with progress():
        findings = check.check(args.tree, build_each=not args.no_build)
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    return 1 if any(finding.wrong for finding in findings) else 0

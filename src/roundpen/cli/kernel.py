# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen kernel`: the lab's own kernels."""

from __future__ import annotations

import argparse
import sys

from roundpen.cli.progress import progress


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser("kernel", help="build the lab's own kernels")
    verbs = parser.add_subparsers(dest="kernel_verb", metavar="WHAT", required=True)
    build = verbs.add_parser("build", help="build one, unless the cache has it; prints its path")
    build.add_argument("--flavour", default="lab", help="see `roundpen lab list`")
    build.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build and print where the Image is."""
    from roundpen.kernel import trimmed

    with progress():
        built = trimmed.build(args.flavour)
    sys.stdout.write(f"{built.image}\n")
    return 0

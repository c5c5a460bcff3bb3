# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen module FOLDER`: the module's source, to be built on the board."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from roundpen.cli.exits import Exit


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "module",
        help="write the source of the module that `roundpen kexec` needs",
        description="Write the module's source (GPL-2.0-only) into a new folder. It is built by "
        "make, with the headers of the running kernel; Debian's package roundpen-dkms does it by "
        "itself. Nothing is built or loaded by this.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="must not be there yet")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write it, and say how it is built."""
    from roundpen.kexec import source

    folder: Path = args.folder
    source.write(folder)
    sys.stdout.write(
        f"{folder}: the module's source. Build it and put it where modprobe looks, as root:\n"
        f"  make -C {folder} KDIR=/lib/modules/$(uname -r)/build\n"
        f"  install -D -m 644 {folder}/roundpen.ko"
        " /lib/modules/$(uname -r)/updates/roundpen.ko && depmod\n"
    )
    return Exit.DONE

# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen inspect FILE`: what a kernel file is, wrapped or not."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from roundpen.cli.exits import Exit
from roundpen.cli.wrap import end_rules, load_rule, release

if TYPE_CHECKING:
    from roundpen.image.inspect import ImageFacts, KernelFacts, PenFacts


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "inspect",
        help="say what a kernel file is, wrapped or not",
        description="Say what a kernel file is: how it is packed, what it wants in memory, and "
        "whether there is a pen in front.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the facts."""
    from roundpen.image.inspect import inspect
    from roundpen.image.payload import read

    path: Path = args.file
    facts = inspect(read(path), str(path))
    if args.json:
        text = json.dumps(dataclasses.asdict(facts), indent=2)
    else:
        text = "\n".join(_text(facts, path))
    sys.stdout.write(text + "\n")
    return Exit.DONE


def _text(facts: ImageFacts, path: Path) -> list[str]:
    if facts.pen is None:
        kind = "an arm64 kernel"
    elif facts.kernel is None:
        kind = "a pen, with no kernel behind it"
    else:
        kind = f"a wrapped arm64 kernel, offer {facts.pen.offer}"
    lines = [
        f"{path}: {kind}",
        f"  packed as     {' + '.join(facts.packing) or 'raw Image'}, {facts.file_size:,} bytes",
        f"  in memory     {facts.image_size:,} bytes (image_size {facts.image_size:#x})",
        *(f"  ends          {rule}" for rule in end_rules(facts.ends)),
    ]
    if facts.pen is not None:
        lines += _pen(facts.pen)
    if facts.kernel is not None:
        lines += _kernel(facts.kernel)
    return lines


def _pen(pen: PenFacts) -> list[str]:
    lines = [f"  pen           version {pen.version}, {pen.pen_size:,} bytes"]
    if pen.offer is not None:
        lines.append(f"  kernel at     {pen.payload_offset:#x}")
    return lines


def _kernel(kernel: KernelFacts) -> list[str]:
    pages = f"{kernel.page_size // 1024} KiB" if kernel.page_size else "not said"
    return [
        f"  kernel        {release(kernel.banner)}",
        f"  kernel size   {kernel.file_size:,} bytes, {kernel.image_size:,} in memory",
        f"  text_offset   {kernel.text_offset:#x}",
        f"  page size     {pages}",
        f"  byte order    {'big' if kernel.big_endian else 'little'}-endian",
        f"  load          {load_rule(kernel.anywhere)}",
        f"  EFI           {'can be started by EFI firmware' if kernel.efi else 'no'}",
    ]

# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen wrap KERNEL -o OUT`: put the pen in front of a kernel."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from roundpen.cli.exits import Exit
from roundpen.contract.layout import Offer
from roundpen.errors import UserError

if TYPE_CHECKING:
    from roundpen.image.loading import Ends
    from roundpen.image.wrap import WrapPlan


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    parser = subparsers.add_parser(
        "wrap",
        help="put the pen in front of a kernel",
        description="Put the pen in front of an arm64 kernel. The result boots wherever an "
        "uncompressed arm64 Image boots.",
    )
    parser.add_argument(
        "kernel",
        type=Path,
        metavar="KERNEL",
        help="an arm64 Image, raw or packed with gzip, zstd, lz4, xz, lzma or bzip2; an EFI zboot "
        "vmlinuz, a unified kernel image",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", required=True, help="the wrapped Image"
    )
    parser.add_argument(
        "--offer",
        choices=[offer.name.lower() for offer in (Offer.PSCI, Offer.RETURN)],
        default=Offer.PSCI.name.lower(),
        help="what the pen offers the kernel (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Wrap, then say what came out."""
    from roundpen.image.wrap import wrap_file

    kernel: Path = args.kernel
    out: Path = args.output
    if out.exists() and kernel.exists() and out.samefile(kernel):
        raise UserError(
            f"{out}: is the kernel itself", remedy="keep it, and give the result another name"
        )
    decided = wrap_file(kernel, out, offer=Offer[args.offer.upper()])
    sys.stdout.write("\n".join(_summary(decided, kernel, out)) + "\n")
    return Exit.DONE


def _summary(decided: WrapPlan, kernel: Path, out: Path) -> list[str]:
    from roundpen.image.loading import ends

    found = decided.payload
    descriptor = decided.descriptor
    packing = " + ".join(found.packing) or "Image"
    lines = [
        f"{kernel}: {release(found.banner)}",
        f"  kernel   {found.file_size:,} bytes as {packing}, {len(found.image):,} unpacked, "
        f"{found.header.image_size:,} in memory",
        f"  pen      {descriptor.pen_size:,} bytes, offer {decided.offer.name.lower()}",
        f"{out}: {decided.file_size:,} bytes, wants {decided.header.image_size:,} in memory "
        f"(image_size {decided.header.image_size:#x})",
        f"  load     {load_rule(decided.header.anywhere)}",
        *(f"  ends     {rule}" for rule in end_rules(ends(decided.header))),
    ]
    if found.header.big_endian:
        lines.append("  note     a big-endian kernel: nobody has tried that")
    return lines + [f"  lost     {loss}" for loss in decided.losses]


def release(banner: str | None) -> str:
    """The kernel's release, which is where its version line begins."""
    return f"Linux {banner.split(' ')[0]}" if banner else "a kernel without a version line"


def load_rule(anywhere: bool) -> str:
    """Where a loader may put the Image, in words (booting.rst, bit 3 of the flags)."""
    where = "at any" if anywhere else "near the start of RAM, at a"
    return f"{where} 2 MiB aligned address, as any arm64 Image (booti, bootloader, kexec)"


def end_rules(behind: Ends) -> list[str]:
    """The first address behind the Image, a line for each of the usual bases."""
    return [
        f"at {behind.booti_raspberry_pi:#x} when booti starts from 0x80000 "
        "(U-Boot on a Raspberry Pi)",
        f"{behind.behind_boundary:#x} behind the 2 MiB boundary that another loader takes",
    ]

# SPDX-License-Identifier: BSD-2-Clause
"""Rules about what loads the kernel."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.check.bearing import PENS, unsettles
from roundpen.check.findings import Case, Hit, Severity, rule
from roundpen.check.known import KnownLoader, loader_of
from roundpen.image.loading import booti_base


@rule(
    "RP089",
    Severity.WARNING,
    "a kernel that the loader's addresses have no room for",
    why="A loader with fixed addresses puts the tree and the initrd behind the kernel. booti "
    "copies image_size bytes, more than the file has, to a 2 MiB boundary, and only then looks "
    "whether they were somebody else's: what is in the way is overwritten, and the loader is back "
    "at its prompt. A wrapped kernel ends where the plain one does. A warning, because a saved "
    "environment may have other addresses (it is not read), and a tree or an initrd that is not "
    "loaded there is in nobody's way. `--kernel FILE` names the kernel. On the running system it "
    "is /boot/vmlinuz-RELEASE otherwise, and the rule speaks only where U-Boot left its version in "
    "the tree (/chosen, u-boot,version) and EFI was not in between.",
    do="Give the tree and the initrd addresses behind the kernel (fdt_addr_r, ramdisk_addr_r), or "
    "use the firmware's tree in place, or take a loader with more room.",
    source="src/roundpen/check/loaders.toml, each row with its own source; U-Boot, "
    "arch/arm/lib/image.c: booti_setup(), cmd/booti.c: booti_start(). Seen on QEMU's raspi3b with "
    "Debian's U-Boot 2023.01 and 2025.01 and Linux 6.12: `end=2700000`, then `Did not find a "
    "cmdline Flattened Device Tree`",
    bears=(unsettles(*PENS, because="if the loader has room for the kernel"),),
)
def no_room(case: Case) -> Iterator[Hit]:
    """From where booti puts it, image_size reaches over the tree's or the initrd's address."""
    kernel, system = case.system.kernel, case.system
    # EFI's stub chooses a place of its own; on the running system the tree names the loader.
    if kernel is None or system.efi or (system.live and not system.u_boot):
        return
    loader = loader_of(case.board, system.u_boot)
    if loader is None:
        return
    start = booti_base(kernel.header, loader.kernel, loader.ram)
    end = start + kernel.header.image_size
    over = [text for text, address in _behind(loader) if start <= address < end]
    if over:
        yield Hit(
            kernel.name,
            "image_size",
            f"{kernel.header.image_size:#x}: {start:#x} to {end:#x}, over {' and '.join(over)}; "
            f"{loader.name}",
            f"an end at {min(loader.tree, loader.initrd):#x} or below",
            loader.do,
        )


def _behind(loader: KnownLoader) -> tuple[tuple[str, int], ...]:
    return (
        (f"the tree at {loader.tree:#x}", loader.tree),
        (f"the initrd at {loader.initrd:#x}", loader.initrd),
    )

# SPDX-License-Identifier: BSD-2-Clause
"""Kernels of the lab's own: Debian's source with the return series, trimmed and cross-built.

A stock kernel shows that the pen works for users; these show the series, and what no stock
kernel contains (Linux's own PSCI checker), and start in a second where figures are wanted.
One is without the series, for what takes a boot per device tree.

The flavours of one line share a source tree and an object folder: after the first, each costs a
few objects and a link, and so does a changed series.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from roundpen import cache
from roundpen.errors import MachineError, UserError
from roundpen.kernel import build as builder
from roundpen.kernel import fragment, headers, series, source, worktree

BASE = "lab"


@dataclass(frozen=True)
class Flavour:
    """A kernel line, what its kernel is for, and fragments on top of the machines' own.

    `patched`: with the line's return series, or as Debian publishes the source. `apart`: no
    object has anything in common with the other flavours', so it has a folder of its own.
    `overrules`: its last fragment takes back some of what the common one settles.
    """

    line: str
    describes: str
    extra: tuple[str, ...] = ()
    patched: bool = True
    apart: bool = False
    overrules: bool = False

    def fragments(self) -> dict[str, str]:
        """File name and text of its configuration fragments, in order of merging."""
        return fragment.of(extra=self.extra)


FLAVOURS: dict[str, Flavour] = {
    BASE: Flavour("6.1", "Linux 6.1 with the return series, for virt and raspi3b, nothing else"),
    "lab-plain": Flavour(
        "6.1", "the same without the series: what a stock kernel says of a tree", patched=False
    ),
    "lab-6.12": Flavour("6.12", "the same of Linux 6.12"),
    "psci-checker": Flavour(
        "6.1", "lab with Linux's own PSCI checker, which runs during start-up", ("psci-checker",)
    ),
    "rcutorture": Flavour(
        "6.1", "lab with rcutorture built in, driven by the command line", ("rcutorture",)
    ),
    "late-debug": Flavour(
        "6.1",
        "lab-plain with lockdep, KASAN and what else objects to a module",
        ("late-debug",),
        patched=False,
        apart=True,
    ),
    "kexec-file": Flavour(
        "6.1",
        "lab-plain with kexec_file_load() alone, PREEMPT, 39-bit addresses",
        ("kexec-file",),
        patched=False,
        apart=True,
        overrules=True,
    ),
}

_RECIPE = "4"
"""Part of every key: raise it when the way of building changes the result."""


@dataclass(frozen=True)
class TrimmedKernel:
    """A built kernel in the cache. `image` is an uncompressed arm64 Image.

    `objects`: what modules are built against (make's KDIR).
    """

    flavour: str
    version: str
    image: Path
    config: Path
    objects: Path


def find(name: str) -> Flavour:
    """The flavour called `name`.

    Raises UserError for an unknown one.
    """
    if name not in FLAVOURS:
        raise UserError(
            f"no kernel flavour called {name!r}", remedy=f"known: {', '.join(FLAVOURS)}"
        )
    return FLAVOURS[name]


def build(flavour: str = BASE) -> TrimmedKernel:
    """The kernel of that flavour, built when the cache lacks it.

    Raises UserError for an unknown flavour; MachineError when a tool, the source or the series is
    missing, when an option did not take effect, or when the build fails.
    """
    chosen = find(flavour)
    builder.require_tools()
    deb = source.deb(chosen.line)
    patches = series.lines().get(chosen.line)
    if patches is None:
        raise MachineError(f"kernel {flavour}: no series for Linux {chosen.line}")
    if not chosen.patched:
        patches = series.Series(chosen.line, ())
    wanted = chosen.fragments()
    compiler = builder.compiler()
    key = cache.digest(_RECIPE, deb.sha256, compiler, patches.digest(), *wanted.values())
    own = (flavour,) if chosen.apart else ()
    objects = cache.digest(_RECIPE, deb.sha256, compiler, *source.LEFT_OUT, *own)

    def make(folder: Path) -> None:
        with worktree.hold(objects, source.trimmed(deb)) as place:
            place.become(patches)
            builder.configure(place.source, place.objects, wanted)
            builder.compile_image(flavour, place.source, place.objects, folder / "build.log")
            headers.keep(place, folder)
            shutil.copyfile(place.objects / builder.IMAGE, folder / "Image")
            shutil.copyfile(place.objects / ".config", folder / "config")

    folder = cache.entry("linux-images", key, make)
    files = (folder / name for name in ("Image", "config", headers.KEPT))
    return TrimmedKernel(flavour, deb.version, *files)

# SPDX-License-Identifier: BSD-2-Clause
"""What a module is built against: make's KDIR, for Debian's kernels and for those of the lab.

Debian's are three header packages, mended to be used where they lie: the one with programs is
taken for this host (linux-kbuild), the others for arm64. Nothing is installed.
"""

from __future__ import annotations

import platform
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from roundpen import cache
from roundpen.errors import MachineError
from roundpen.kernel import tool, worktree
from roundpen.kernel.debian import ARCHITECTURE, DebianKernel
from roundpen.packages import foreign
from roundpen.packages.apt import Deb, fetch
from roundpen.packages.unpack import depends, unpack
from roundpen.publish import publish

_RECIPE = "3"
_FILES = (
    "usr/src/*-common*/include/*",
    "usr/src/*-common*/arch/arm*",
    "usr/src/linux-headers-*-arm64*",
    "usr/src/*/Makefile",
    "usr/src/*/scripts*",
    "usr/src/*/tools*",
    "usr/lib/linux-kbuild-*",
    # Where the two above point to.
    "usr/src/linux-kbuild-*",
)
KEPT = "headers/objects"
"""Where `keep` puts a lab kernel's, in its cache entry."""
_OF_SOURCE = ("Makefile", "include", "scripts", "arch/arm64/Makefile", "arch/arm64/include")
_OF_OBJECTS = (
    ".config",
    "Makefile",
    "Module.symvers",
    "arch/arm64/include",
    "include",
    "scripts",
)
_PROGRAMS = {
    "basic/fixdep": "basic/fixdep",
    # Debian's modpost looks which of four to start; a module for arm64 needs this one.
    "mod/modpost": "mod/modpost.real-lsb-64",
    "genksyms/genksyms": "genksyms/genksyms",
}
"""In scripts/: what a build of a module starts, and the program that it is. They want the libc of
their own Debian."""
_OF_NEWER_COMPILERS = (
    "CC_HAS_MIN_FUNCTION_ALIGNMENT",
    "CC_HAS_ASM_GOTO_OUTPUT",
    "CC_HAS_ASM_GOTO_TIED_OUTPUT",
    "CC_HAS_COUNTED_BY",
)
"""What Debian's compiler can and an older one of the host's may not. None changes the layout of
data. Alignment of functions does matter to ftrace's call ops: a module that is to be loaded must
be free of ftrace's entries when its compiler is the older one."""


def unpacked(kernel: DebianKernel, compiler: str) -> Path:
    """The build folder (make's KDIR) for modules of `kernel`, in the cache.

    `compiler`: its version, say "12.2.0". Raises UserError when the archive no longer has the
    packages of that very kernel, MachineError when they can't be had.
    """
    debs = _packages(kernel)
    release = kernel.release
    libc = fetch(kernel.suite, debs[2].architecture, "libc6")

    def make(folder: Path) -> None:
        worktree.link_tree(unpack(debs, _FILES), folder / "root")
        build = folder / "root/usr/src" / f"linux-headers-{release}"
        _look_elsewhere(build, "/usr/src", "..")
        # Types of the kernel for BPF: without pahole nothing can be done with them.
        (build / "vmlinux").unlink(missing_ok=True)
        _mend_configuration(build, compiler)
        _wrap_programs(build / "scripts", unpack([libc], ("*lib/*", "*lib64/*")))

    key = cache.digest(_RECIPE, compiler, libc.sha256, *(deb.sha256 for deb in debs), *_FILES)
    return cache.entry("linux-headers", key, make) / "root/usr/src" / f"linux-headers-{release}"


def keep(place: worktree.Worktree, folder: Path) -> None:
    """Into `folder`/KEPT, what a finished build in `place` has for modules.

    The worktree itself changes with the next flavour. Raises MachineError when a copy fails.
    """
    objects, source = folder / KEPT, folder / "headers/source"
    _copy(place.source, source, _OF_SOURCE, "-al")
    _copy(place.objects, objects, _OF_OBJECTS, "-a")
    for path in (*objects.glob("scripts/**/*.o"), *objects.glob("scripts/**/.*.cmd")):
        path.unlink()
    _look_elsewhere(objects, str(place.source), "../source")


def _copy(origin: Path, target: Path, names: Sequence[str], how: str) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        command = ["cp", how, str(origin / name), str(target / name)]
        done = tool.run(command, limit=600)
        if done.returncode != 0:
            raise MachineError(f"{' '.join(command)}: {done.stdout.strip()[-300:]}")


def _packages(kernel: DebianKernel) -> Sequence[Deb]:
    """The kernel's own headers, those of all its flavours, the programs."""
    own = fetch(kernel.suite, ARCHITECTURE, f"linux-headers-{kernel.release}")
    if own.version != kernel.deb.version:
        raise MachineError(
            f"{kernel.name}: the kernel in the cache is {kernel.deb.version}, the headers in the "
            f"archive are {own.version}",
            remedy="remove the cache's folder apt/ and try again: both are then the newest",
        )
    common = _dependency(own, lambda name: "-common" in name)
    programs = _dependency(own, lambda name: name.startswith("linux-kbuild-"))
    host = foreign.host_architecture()
    return (
        own,
        fetch(kernel.suite, ARCHITECTURE, common),
        fetch(kernel.suite, host, programs),
    )


def _dependency(deb: Deb, wanted: Callable[[str], bool]) -> str:
    found = [name for name in depends(deb) if wanted(name)]
    if len(found) != 1:
        raise MachineError(f"{deb.path.name}: depends on {found or 'none of what was expected'}")
    return found[0]


def _look_elsewhere(build: Path, named: str, instead: str) -> None:
    """Have the Makefile find what it names by an absolute path below its own folder."""
    here = "headers := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))"
    text = (build / "Makefile").read_text(encoding="utf-8").replace(named, f"$(headers){instead}")
    publish(build / "Makefile", f"{here}\n{text}".encode())


def _mend_configuration(build: Path, compiler: str) -> None:
    made_by = re.search(
        r"^CONFIG_GCC_VERSION=(\d+)$", (build / "include/config/auto.conf").read_text(), re.M
    )
    if made_by is None or _number(compiler) >= int(made_by[1]):
        return
    words = "|".join(_OF_NEWER_COMPILERS)
    for name in ("include/config/auto.conf", "include/generated/autoconf.h"):
        text = (build / name).read_text(encoding="utf-8")
        less = re.sub(rf"^(#define )?CONFIG_({words})\b.*\n", "", text, flags=re.M)
        publish(build / name, less.encode())


def _number(compiler: str) -> int:
    """As scripts/cc-version.sh counts: 12.2.0 is 120200."""
    major, minor, patch = (int(part) for part in compiler.split("."))
    return 10000 * major + 100 * minor + patch


def _wrap_programs(scripts: Path, libc: Path) -> None:
    linker = " ".join(foreign.linker_command(libc, platform.machine()))
    for name, program in _PROGRAMS.items():
        script = scripts.resolve() / name
        (scripts / program).rename(script.with_name(f"{script.name}.elf"))
        script.unlink(missing_ok=True)
        # By its own place: the cache entry is renamed once it is whole.
        publish(script, f'#!/bin/sh\nexec {linker} "$0.elf" "$@"\n'.encode())
        script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

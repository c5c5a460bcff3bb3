# SPDX-License-Identifier: BSD-2-Clause
"""Kernels of the lab's own configuration, cross-built from Debian's source package.

A stock kernel shows that the pen works for users; these show what no stock kernel contains
(Linux's own PSCI checker), and start in a second where figures are wanted.

All flavours share one source tree and one object folder, so that after the first each costs
a few objects and a link. Measured with gcc 12 on 2 cores: 2 min 20 s to 3 min, then 10 s.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from roundpen import cache
from roundpen.errors import MachineError, UserError
from roundpen.kernel import config
from roundpen.packages.apt import Deb, fetch
from roundpen.packages.unpack import unpack

SUITE = "bookworm"
PACKAGE = "linux-source-6.1"
CROSS_COMPILE = "aarch64-linux-gnu-"

BASE = "lab"
FLAVOURS: dict[str, str] = {
    BASE: "what QEMU's virt and the lab's guest need, nothing else",
    "psci-checker": "with Linux's own PSCI checker, which runs during start-up",
    "rcutorture": "with rcutorture built in, driven by the command line",
}
"""Each is the base's fragment, and a fragment of its own name on top."""

_TOOLS: dict[str, str] = {
    f"{CROSS_COMPILE}gcc": "gcc-aarch64-linux-gnu",
    "gcc": "gcc",
    "make": "make",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "perl": "perl",
    "tar": "tar",
    "xz": "xz-utils",
}
_RECIPE = "2"
"""Part of every key: raise it when the way of building changes the result."""
_LEFT_OUT = (
    "Documentation/*/*",
    "drivers/gpu/drm/amd/include",
    "tools/testing",
    "tools/perf",
    *(f"arch/{name}" for name in ("alpha", "ia64", "m68k", "parisc", "riscv", "sh")),
    "arch/*/boot/dts/*",
)
"""A good part of the source tree that an arm64 Image never reads (tar patterns below its top).
What any Kconfig names must stay, even where a condition around it is false."""
_BUILD_LIMIT = 3600
_PROGRESS_EVERY = 10.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrimmedKernel:
    """A built kernel in the cache. `image` is an uncompressed arm64 Image."""

    flavour: str
    version: str
    image: Path
    config: Path


def build(flavour: str = BASE) -> TrimmedKernel:
    """The kernel of that flavour, built when the cache lacks it.

    Raises UserError for an unknown flavour; MachineError when a tool or the source is missing,
    when an option did not take effect, or when the build fails.
    """
    if flavour not in FLAVOURS:
        raise UserError(
            f"no kernel flavour called {flavour!r}", remedy=f"known: {', '.join(FLAVOURS)}"
        )
    require_tools()
    deb = fetch(SUITE, "arm64", PACKAGE)
    wanted = fragments(flavour)
    compiler = _run([f"{CROSS_COMPILE}gcc", "--version"]).splitlines()[0]
    key = cache.digest(_RECIPE, deb.sha256, compiler, *wanted.values())

    def make(folder: Path) -> None:
        source = _source(deb)
        with _objects(cache.digest(deb.sha256, compiler)) as objects:
            _configure(source, objects, wanted)
            _compile(flavour, objects, folder / "build.log")
            shutil.copyfile(objects / "arch/arm64/boot/Image", folder / "Image")
            shutil.copyfile(objects / ".config", folder / "config")

    folder = cache.entry("linux-images", key, make)
    return TrimmedKernel(flavour, deb.version, folder / "Image", folder / "config")


def fragments(flavour: str) -> dict[str, str]:
    """File name and text of the configuration fragments of a flavour, in order of merging."""
    names = [BASE] if flavour == BASE else [BASE, flavour]
    folder = resources.files("roundpen.kernel") / "fragments"
    return {
        f"{name}.config": (folder / f"{name}.config").read_text(encoding="utf-8") for name in names
    }


def merge_arguments(source: Path, objects: Path, files: Sequence[Path]) -> list[str]:
    """Linux's own merge of fragments on top of allnoconfig (scripts/kconfig/merge_config.sh)."""
    script = source / "scripts/kconfig/merge_config.sh"
    return [str(script), "-n", "-O", str(objects), *(str(file) for file in files)]


def make_arguments(objects: Path, jobs: int) -> list[str]:
    """The build of the Image in a configured object folder."""
    return ["make", "-C", str(objects), f"-j{jobs}", "Image"]


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What the kernel's build reads from outside: fixed, so that equal inputs give equal bytes.

    MAKEFLAGS of a make around us would hand down its job server and options: left out.
    """
    kept = {name: inherited[name] for name in ("PATH", "HOME", "TMPDIR") if name in inherited}
    return kept | {
        "LC_ALL": "C",
        "ARCH": "arm64",
        "CROSS_COMPILE": CROSS_COMPILE,
        "KBUILD_BUILD_VERSION": "1",
        "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
        "KBUILD_BUILD_USER": "roundpen",
        "KBUILD_BUILD_HOST": "lab",
    }


def require_tools() -> None:
    """Raise MachineError naming each missing build tool and the Debian package that has it."""
    missing = {tool: package for tool, package in _TOOLS.items() if shutil.which(tool) is None}
    if missing:
        raise MachineError(
            f"building a kernel needs {', '.join(missing)}: not found",
            remedy=f"install {' '.join(sorted(set(missing.values())))} (names on Debian, Ubuntu)",
        )


def _source(deb: Deb) -> Path:
    def make(folder: Path) -> None:
        _log.info("kernel: unpacking %s %s", deb.package, deb.version)
        archive = unpack([deb], (f"usr/src/{PACKAGE}.tar.xz",)) / f"usr/src/{PACKAGE}.tar.xz"
        left_out = [f"--exclude={PACKAGE}/{pattern}" for pattern in _LEFT_OUT]
        _run(["tar", "-xJf", str(archive), "-C", str(folder), *left_out])

    return cache.entry("linux-source", cache.digest(deb.sha256, *_LEFT_OUT), make) / PACKAGE


@contextmanager
def _objects(key: str) -> Iterator[Path]:
    """The object folder, for one build at a time. It is make's, so it is no cache entry."""
    folder = cache.root() / "linux-objects" / key
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{key}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _configure(source: Path, objects: Path, wanted: Mapping[str, str]) -> None:
    files = []
    for name, text in wanted.items():
        files.append(objects / f"fragment-{name}")
        files[-1].write_text(text, encoding="utf-8")
    _run(merge_arguments(source, objects, files), source)
    final = (objects / ".config").read_text(encoding="utf-8")
    refused = config.not_granted(wanted.values(), final)
    if refused:
        raise MachineError(
            f"kernel configuration: not in effect: {'; '.join(refused)}",
            remedy="add what each option depends on to its fragment",
        )


def _compile(flavour: str, objects: Path, log: Path) -> None:
    command = make_arguments(objects, os.cpu_count() or 1)
    began = reported = time.monotonic()
    compiled = 0
    last: list[str] = []
    with (
        log.open("w", encoding="utf-8") as out,
        subprocess.Popen(
            command,
            env=environment(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            last = [*last[-14:], line.strip()]
            compiled += line.startswith("  CC ")
            now = time.monotonic()
            if now - reported >= _PROGRESS_EVERY:
                reported = now
                _log.info("kernel %s: %d files compiled, %.0f s", flavour, compiled, now - began)
            if now - began > _BUILD_LIMIT:
                process.kill()
    if process.returncode != 0:
        raise MachineError(f"kernel {flavour}: {' '.join(command)} failed: {' | '.join(last)}")
    _log.info("kernel %s: built in %.0f s", flavour, time.monotonic() - began)


def _run(command: Sequence[str], folder: Path | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(os.environ),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_BUILD_LIMIT,
    )
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())[-400:]
        raise MachineError(f"{' '.join(command)}: exit status {done.returncode}: {words}")
    return done.stdout

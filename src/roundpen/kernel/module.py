# SPDX-License-Identifier: BSD-2-Clause
"""The late pen's Linux module (module/), cross-built for a named kernel of the lab."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roundpen import cache, scratch
from roundpen.errors import MachineError, RefusedError, UserError
from roundpen.kernel import build as builder
from roundpen.kernel import debian, headers, tool, trimmed

NAME = "roundpen"
_PROJECT = Path(__file__).resolve().parents[3]
SOURCE = _PROJECT / "module"
_RECIPE = "1"
_SOURCES = (".c", ".h", ".S", ".bin")
_NAMES = ("Kbuild", "Makefile")
_LIMIT = 600
_ERRORS = 4
_log = logging.getLogger(__name__)


def build(kernel: str, source: Path = SOURCE) -> Path:
    """roundpen.ko for the kernel called `kernel`, in the cache.

    `source`: the module's folder, never written to. Raises UserError for an unknown kernel,
    RefusedError when a tool or the source is missing, MachineError when the build fails.
    """
    if not any((source / name).is_file() for name in _NAMES):
        raise RefusedError(
            f"{source}: the module's source is not there",
            remedy="a wheel does not carry it: use a checkout of the project",
        )
    target = folder(kernel)
    with copied(source) as place:
        content = [text for path in _files(place) for text in _entry(path, place)]
        key = cache.digest(_RECIPE, builder.compiler(), str(target), *content)

        def make(folder: Path) -> None:
            _compile(kernel, place, target, folder / "build.log")
            shutil.copyfile(place / f"{NAME}.ko", folder / f"{NAME}.ko")

        return cache.entry("modules", key, make) / f"{NAME}.ko"


def folder(kernel: str) -> Path:
    """What modules for the kernel called `kernel` are built against: make's KDIR.

    Raises UserError for an unknown kernel, MachineError when it can't be had.
    """
    builder.require_compiler()
    if kernel in debian.FLAVOURS:
        compiler = builder.checked([f"{builder.CROSS_COMPILE}gcc", "-dumpfullversion"]).strip()
        return headers.unpacked(debian.kernel(kernel), compiler)
    if kernel in trimmed.FLAVOURS:
        return trimmed.build(kernel).objects
    known = ", ".join((*debian.FLAVOURS, *trimmed.FLAVOURS))
    raise UserError(f"no kernel called {kernel!r}", remedy=f"known: {known}")


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.suffix in _SOURCES or path.name in _NAMES)
    )


def _entry(path: Path, folder: Path) -> tuple[str, bytes]:
    return str(path.relative_to(folder)), path.read_bytes()


@contextmanager
def copied(source: Path) -> Iterator[Path]:
    """A copy of the module's folder `source` with made/, to be built in; gone at the end."""
    with scratch.folder("module") as place:
        _copy(source, place)
        _make_resident(source, place)
        yield place


def make_arguments(place: Path, target: Path, *more: str) -> list[str]:
    """The build of the module in `place` against make's KDIR `target`."""
    return ["make", "-C", str(place), f"KDIR={target}", f"CC={builder.CROSS_COMPILE}gcc",
            "ARCH=arm64", f"CROSS_COMPILE={builder.CROSS_COMPILE}",
            f"-j{os.cpu_count() or 1}", *more]  # fmt: skip


def _copy(source: Path, place: Path) -> None:
    """Without made/, which is made anew: it may be older than the pen."""
    for path in _files(source):
        below = path.relative_to(source)
        if below.parts[0] != "made" and not path.name.endswith(".mod.c"):
            (place / below).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place / below)


def _make_resident(source: Path, place: Path) -> None:
    """made/: the pen's resident part, the contract and libfdt."""
    if "made" not in (source / "Kbuild").read_text(encoding="utf-8"):
        return
    command = [sys.executable, str(_PROJECT / "pen/build.py"), "--module", str(place / "made")]
    done = tool.run(command, limit=_LIMIT)
    if done.returncode != 0:
        raise MachineError(f"{' '.join(command)}: {done.stdout.strip()[-400:]}")


def _compile(kernel: str, place: Path, target: Path, log: Path) -> None:
    began = time.monotonic()
    command = make_arguments(place, target)
    done = tool.run(command, limit=_LIMIT, environment=builder.environment(os.environ))
    log.write_text(done.stdout, encoding="utf-8")
    if done.returncode != 0 or not (place / f"{NAME}.ko").is_file():
        wrong = [line for line in done.stdout.splitlines() if builder.ERROR.search(line)]
        words = " | ".join(wrong[:_ERRORS]) or done.stdout.strip()[-600:]
        raise MachineError(
            f"module for {kernel}: {' '.join(command)} failed: {words}",
            remedy="build it yourself against what `roundpen kernel module --headers` prints",
        )
    _log.info("module for %s: built in %.1f s", kernel, time.monotonic() - began)

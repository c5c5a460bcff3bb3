# SPDX-License-Identifier: BSD-2-Clause
"""Linux as source: Debian's source packages, trimmed for the lab or whole for their reader."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from roundpen import cache, scratch
from roundpen.errors import MachineError, UserError, reason_of
from roundpen.kernel import tool
from roundpen.packages.apt import Deb, fetch
from roundpen.packages.unpack import unpack

ARCHITECTURE = "arm64"
SUITES = ("bookworm", "trixie")
SELFTEST = "tools/testing/selftests/cpu-hotplug"
"""Linux's own test of CPU hotplug. The trimmed source keeps it."""


@dataclass(frozen=True)
class Origin:
    """Where the source of a kernel line comes from: a Debian suite and a package of it."""

    suite: str
    package: str


ORIGINS: dict[str, Origin] = {
    "6.1": Origin("bookworm", "linux-source-6.1"),
    "6.12": Origin("trixie", "linux-source-6.12"),
}
"""By kernel line."""

_LIMIT = 1800
_log = logging.getLogger(__name__)


def all_but(folder: str, kept: str) -> Iterator[str]:
    """tar patterns for all of `folder` except `kept`, a path in it. Pure.

    tar can't take back what a pattern left out, so each says how a sibling's name differs.
    """
    for part in kept.split("/"):
        for at, letter in enumerate(part):
            yield f"{folder}/{part[:at]}[!{letter}]*"
        folder = f"{folder}/{part}"


LEFT_OUT = (
    "Documentation/translations",
    "Documentation/devicetree/bindings/[!a]*",
    "drivers/gpu/drm/amd/include",
    *all_but("tools/testing", SELFTEST.removeprefix("tools/testing/")),
    "tools/perf",
    *(f"arch/{name}" for name in ("alpha", "ia64", "m68k", "parisc", "sh")),
    "arch/*/boot/dts/*",
)
"""A good part of the source tree that an arm64 Image never reads (tar patterns below its top).
What any Kconfig names must stay, even where a condition around it is false, and what the series
changes, documents too."""


def deb(line: str) -> Deb:
    """Debian's source package of a kernel line.

    Raises UserError for a line that there is none of, MachineError when it can't be had.
    """
    origin = ORIGINS.get(line)
    if origin is None:
        raise UserError(f"no source of Linux {line}", remedy=f"known: {', '.join(ORIGINS)}")
    return fetch(origin.suite, ARCHITECTURE, origin.package)


def trimmed(package: Deb) -> Path:
    """The unpatched tree of `package` in the cache, without LEFT_OUT. Not to be written to."""

    def make(folder: Path) -> None:
        _extract(package, folder, LEFT_OUT)

    key = cache.digest(package.sha256, *LEFT_OUT)
    return cache.entry("linux-source", key, make) / package.package


def selftest(line: str) -> Path:
    """The folder of Linux's own CPU hotplug test (cpu-on-off-test.sh), of that line's source.

    Raises as `deb` does.
    """
    return trimmed(deb(line)) / SELFTEST


def whole(what: str, into: Path | None = None) -> Path:
    """All of a source tree, for its reader to edit, in the new or empty folder `into`.

    `what`: a line of ORIGINS or the name of a source package; `into`: by default a folder of the
    package's name where we stand. Raises UserError when the place is taken or no suite has the
    package, MachineError when the disk or the network fails.
    """
    name = ORIGINS[what].package if what in ORIGINS else what
    place = (into if into is not None else Path(name)).absolute()
    _require_free(place)
    package = deb(what) if what in ORIGINS else _anywhere(what)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with scratch.folder("source", place.parent) as beside:
            _extract(package, beside, ())
            # Onto an empty folder, too: rename(2) replaces one.
            (beside / package.package).rename(place)
    except OSError as error:
        raise MachineError(f"{place}: cannot be written: {reason_of(error)}") from error
    return place


def _require_free(place: Path) -> None:
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists() or place.is_symlink():
        raise UserError(
            f"{place}: exists and is no empty folder", remedy="name another one with --into"
        )


def _anywhere(name: str) -> Deb:
    """The newest suite's package `name`."""
    for suite in reversed(SUITES):
        try:
            return fetch(suite, ARCHITECTURE, name)
        except UserError as error:
            _log.info("kernel: %s", error.message)
    raise UserError(
        f"{name}: no package of Debian {' or '.join(SUITES)}",
        remedy=f"give one of {', '.join(ORIGINS)}, or a package linux-source-VERSION",
    )


def _extract(package: Deb, folder: Path, left_out: tuple[str, ...]) -> None:
    """The tree goes to `folder`/PACKAGE."""
    _log.info("kernel: unpacking %s %s", package.package, package.version)
    inside = f"usr/src/{package.package}.tar.xz"
    archive = unpack([package], (inside,)) / inside
    if not archive.is_file():
        raise UserError(f"{package.package}: has no {inside}", remedy="give a source package")
    patterns = [f"--exclude={package.package}/{pattern}" for pattern in left_out]
    done = tool.run(["tar", "-xJf", str(archive), "-C", str(folder), *patterns], limit=_LIMIT)
    if done.returncode or not (folder / package.package).is_dir():
        shutil.rmtree(folder / package.package, ignore_errors=True)
        raise MachineError(f"{archive.name}: cannot be unpacked: {done.stdout.strip()[-300:]}")

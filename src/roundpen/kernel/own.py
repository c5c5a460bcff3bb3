# SPDX-License-Identifier: BSD-2-Clause
"""Anybody's own Linux tree: configured and built with the trimmed configuration, never written to.

Images are kept by content, so that an unchanged tree costs a look at each file's times. Objects
are kept by the tree's place, so that a changed tree costs what make finds changed.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roundpen import cache
from roundpen.errors import UserError, reason_of
from roundpen.kernel import build as builder
from roundpen.kernel import content, fragment, series
from roundpen.publish import publish

_RECIPE = "1"
"""Part of every key: raise it when the way of building changes the result."""
_BUILT_IN_PLACE = (".config", "include/config", "arch/arm64/include/generated")
"""What Linux's top Makefile looks for before it builds elsewhere (target outputmakefile)."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """A built kernel in the cache. `image` is an uncompressed arm64 Image."""

    tree: Path
    version: str
    image: Path
    config: Path
    from_cache: bool


def configure(tree: Path, objects: Path, wanted: Mapping[str, str]) -> Path:
    """Write the trimmed configuration for `tree` to `objects`, a new or empty folder.

    Gives the path of the .config. Raises UserError when the tree was built in place or the
    folder is taken, MachineError when an option did not take effect.
    """
    source, place = tree.resolve(), objects.resolve()
    require_clean(source)
    if not _is_ours(place):
        raise UserError(f"{objects}: holds something else", remedy="name an empty folder")
    if place.is_relative_to(source):
        raise UserError(f"{objects}: is in the source tree", remedy="name a folder outside")
    builder.require_tools()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{objects}: cannot be made: {reason_of(error)}") from error
    builder.configure(source, place, wanted)
    return place / ".config"


def _is_ours(place: Path) -> bool:
    """Whether nothing is lost by configuring there."""
    if place.is_dir() and any(place.iterdir()):
        return (place / f"fragment-{fragment.COMMON}.config").is_file()
    return place.is_dir() or not place.exists()


def build(tree: Path, wanted: Mapping[str, str]) -> Built:
    """The Image of `tree` with the configuration fragments `wanted` (name and text).

    Raises UserError when `tree` is no clean source tree or changes meanwhile; MachineError when
    a tool is missing, an option did not take effect, or the build fails.
    """
    source = tree.resolve()
    version = series.version(source)
    builder.require_tools()
    compiler = builder.compiler()
    place = cache.root() / "linux-own" / cache.digest(_RECIPE, str(source), compiler)
    _log.info("kernel %s: looking for what has changed", version)
    found = content.scan(source, place / "index.json")
    key = cache.digest(_RECIPE, compiler, found.digest(), *wanted.values())
    known = cache.lookup("linux-images", key) is not None

    def make(folder: Path) -> None:
        require_clean(source)
        with _objects(place, found) as objects:
            builder.configure(source, objects, wanted)
            builder.compile_image(version, source, objects, folder / "build.log")
            if content.scan(source, place / "index.json").digest() != found.digest():
                raise UserError(f"{tree}: changed while it was built", remedy="build it again")
            shutil.copyfile(objects / builder.IMAGE, folder / "Image")
            shutil.copyfile(objects / ".config", folder / "config")

    folder = cache.entry("linux-images", key, make)
    return Built(tree, version, folder / "Image", folder / "config", known)


def overtaken(before: Mapping[str, str], ended: int | None, now: content.Content) -> list[str]:
    """Files that changed since a build that ended at `ended` (ns) and that make won't notice.

    make compares times: a file that was replaced by one of an older time looks unchanged to it.
    None: the build was killed, nobody knows when.
    """
    changed = content.changed(before, now)
    return [path for path in changed if ended is None or now.files[path][2] <= ended]


@contextmanager
def _objects(place: Path, now: content.Content) -> Iterator[Path]:
    """The tree's object folder, for one build at a time; emptied where make would go wrong."""
    objects, record = place / "objects", place / "built.json"
    with (place / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        last = _record(record)
        if last is None or overtaken(last[1], last[0], now):
            shutil.rmtree(objects, ignore_errors=True)
        files = {path: known[5] for path, known in now.files.items()}
        # Ahead of the build, too: one that dies leaves objects of this content.
        publish(record, json.dumps([None, files]).encode())
        objects.mkdir(exist_ok=True)
        try:
            yield objects
        finally:
            publish(record, json.dumps([time.time_ns(), files]).encode())


def _record(file: Path) -> tuple[int | None, dict[str, str]] | None:
    try:
        ended, files = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return ended, files


def require_clean(tree: Path) -> None:
    """Raise UserError when `tree` is no source tree, or one that Linux can't build elsewhere."""
    series.version(tree)
    found = [name for name in _BUILT_IN_PLACE if (tree / name).exists()]
    if found:
        raise UserError(
            f"{tree}: was built in place: it has {found[0]}",
            remedy="run make mrproper there (it removes the configuration), or give another tree",
        )

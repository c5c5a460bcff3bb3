# SPDX-License-Identifier: BSD-2-Clause
"""The content of a source tree as one key, without reading again what has not changed.

An index of each file's digest is kept beside the key, like git's: a file whose size, times and
inode are those of the index has the content of the index.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from roundpen import cache
from roundpen.errors import UserError, reason_of
from roundpen.publish import publish

LEFT_OUT = frozenset({".git", ".hg", ".svn"})
"""What a version control system keeps in a tree's folders: the build is told not to look."""
_SETTLED = 2_000_000_000
"""Nanoseconds, the coarsest time stamp of a file system in use (FAT's). A file that was younger
than this when it was read can have been written again within the same time stamp."""
_VERSION = 1

Known = tuple[int, int, int, int, int, str]
"""mode, size, mtime and ctime in ns, inode, and digest. ctime, because what unpacks or copies a
file may set its mtime back; nobody can set ctime."""


@dataclass(frozen=True)
class Content:
    """`files`: mode and digest of each, by path in the tree. `read`: how many were read for it."""

    files: Mapping[str, Known]
    read: int

    def digest(self) -> str:
        """A key for names, permission to execute, and content."""
        words = []
        for path, known in sorted(self.files.items()):
            words += [path, "x" if known[0] & 0o100 else "-", known[5]]
        return cache.digest("\0".join(words).encode(errors="surrogateescape"))


def scan(tree: Path, index: Path) -> Content:
    """The content of `tree` now; `index` is read and, when it is out of date, replaced.

    Raises UserError when a file can't be read or is neither file nor link.
    """
    before = _load(index)
    files: dict[str, Known] = {}
    doubtful: set[str] = set()
    read = 0
    now = time.time_ns()
    for path, entry in _walk(tree, ""):
        found = entry.stat(follow_symlinks=False)
        key = (found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        known = before.get(path)
        if known is not None and known[:5] == key:
            files[path] = known
            continue
        files[path] = (*key, _digest(entry, found.st_mode))
        read += 1
        if now - max(found.st_mtime_ns, found.st_ctime_ns) < _SETTLED:
            doubtful.add(path)
    settled = {path: known for path, known in files.items() if path not in doubtful}
    if read or settled.keys() != before.keys():
        _save(index, settled)
    return Content(files, read)


def changed(before: Mapping[str, str], after: Content) -> list[str]:
    """The paths in `after` whose content is not that of `before` (path to digest), new ones too."""
    return [path for path, known in after.files.items() if before.get(path) != known[5]]


def _walk(folder: Path, inside: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {reason_of(error)}") from error
    for entry in entries:
        if entry.name in LEFT_OUT:
            continue
        path = inside + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{path}/")
        else:
            yield path, entry


def _digest(entry: os.DirEntry[str], mode: int) -> str:
    try:
        if stat.S_ISLNK(mode):
            return cache.digest("link", os.fsencode(os.readlink(entry.path)))  # noqa: PTH115
        if stat.S_ISREG(mode):
            return cache.digest(Path(entry.path).read_bytes())
    except OSError as error:
        raise UserError(f"{entry.path}: cannot be read: {reason_of(error)}") from error
    raise UserError(f"{entry.path}: is neither a file nor a link", remedy="remove it")


def _load(index: Path) -> dict[str, Known]:
    """What the index says; nothing when there is none, or none that we understand."""
    try:
        data = json.loads(index.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(data, dict) or data.get("version") != _VERSION:
        return {}
    return {path: tuple(known) for path, known in data["files"].items()}


def _save(index: Path, files: Mapping[str, Known]) -> None:
    index.parent.mkdir(parents=True, exist_ok=True)
    publish(index, json.dumps({"version": _VERSION, "files": files}).encode())

# SPDX-License-Identifier: BSD-2-Clause
"""A patched source tree and its objects, kept from one build to the next.

The objects' commands name the tree by its path, so a tree per version of the series would
compile everything again. Instead one tree stays in place and only the files that a changed
series changes are replaced: make sees their new times.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roundpen import cache, scratch
from roundpen.errors import MachineError
from roundpen.kernel import series, tool
from roundpen.publish import publish

_LIMIT = 600


@dataclass(frozen=True)
class Worktree:
    """`source`: the tree, which make only reads; `objects`: for make's O=.

    `pristine`: what the tree is without a patch. `record`: see `replace_files`.
    """

    source: Path
    objects: Path
    pristine: Path
    record: Path

    def become(self, patches: series.Series) -> None:
        """Have exactly `patches` on top of the pristine tree.

        Raises MachineError when one does not fit.
        """
        replace_files(self.pristine, self.source, patches, self.record)


@contextmanager
def hold(key: str, pristine: Path) -> Iterator[Worktree]:
    """The worktree `key`, for one process at a time; `pristine` must never change.

    It is make's, so it is no cache entry. Raises MachineError when the cache can't be written.
    """
    folder = cache.root() / "linux-objects" / key
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{key}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _worktree(folder, pristine)


@contextmanager
def borrow(tree: Path) -> Iterator[Worktree]:
    """A worktree of anybody's tree, gone at the end. `tree` stays as it is."""
    place = cache.root() / "linux-check"
    place.mkdir(parents=True, exist_ok=True)
    with scratch.folder("tree", place) as folder:
        yield _worktree(folder, tree)


def _worktree(folder: Path, pristine: Path) -> Worktree:
    found = Worktree(folder / "source", folder / "objects", pristine, folder / "patched-files")
    found.objects.mkdir(exist_ok=True)
    if not found.source.is_dir():
        link_tree(pristine, found.source)
    return found


def link_tree(tree: Path, copy: Path) -> None:
    """A copy of `tree` at `copy`, without its .git: hard links where the file system has them.

    Whoever changes a file of it must replace the file, as `patch` does, never write into it.
    Raises MachineError when it can't be made.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    with scratch.folder("copy", copy.parent) as beside:
        made = beside / copy.name
        for options in ("-al", "-a"):
            done = tool.run(["cp", options, str(tree), str(made)], limit=_LIMIT)
            if done.returncode == 0:
                _forget_git(made / ".git")
                made.rename(copy)
                return
            shutil.rmtree(made, ignore_errors=True)
    raise MachineError(f"{tree}: cannot be copied to {copy}", remedy="make room there")


def _forget_git(place: Path) -> None:
    """Or a tool in the copy might write to the repository of the tree that it is a copy of."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def replace_files(pristine: Path, tree: Path, patches: series.Series, record: Path) -> None:
    """Make `tree` equal to `pristine` with `patches`; write only files whose content differs.

    `record` lists the files by which the two differ. It is written ahead of them: a process that
    dies half-way leaves a list that names every file it may have changed.
    """
    before = record.read_text(encoding="utf-8").split() if record.is_file() else []
    wanted = sorted({path for one in patches.patches for path in series.touched(one)})
    every = sorted({*before, *wanted})
    publish(record, "\n".join(every).encode())
    with scratch.folder("series") as patched:
        refusal = series.apply_to_copy(pristine, patched, patches)
        if refusal is not None:
            raise MachineError(
                f"series {patches.line}: {refusal}", remedy="the series must fit Debian's source"
            )
        for path in every:
            _settle((patched if path in wanted else pristine) / path, tree / path)
    publish(record, "\n".join(wanted).encode())


def _settle(wanted: Path, path: Path) -> None:
    if not wanted.is_file():
        path.unlink(missing_ok=True)
        return
    content = wanted.read_bytes()
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = wanted.stat().st_mode & 0o777
    publish(path, content)
    path.chmod(mode)

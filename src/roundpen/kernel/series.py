# SPDX-License-Identifier: BSD-2-Clause
"""The patch series of the return contract: onto a kernel tree, and checked.

The series live in the project's folder kernel/, one sub-folder per kernel line, in the format
of `git format-patch`. They are GPL-2.0-only, and a wheel does not carry them.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from roundpen import cache, scratch
from roundpen.errors import RefusedError, UserError, reason_of
from roundpen.kernel import tool

_HERE = Path(__file__).resolve()
_PLACE = _HERE.parents[3] / "kernel"
_LIMIT = 600
_FAILED = re.compile(r"^(?:Hunk #(\d+) FAILED at (\d+)|.*error: patch failed: (\S+):(\d+))")


@dataclass(frozen=True)
class Series:
    """The patches for one kernel line (say "6.1"), in order."""

    line: str
    patches: tuple[Path, ...]

    def digest(self) -> str:
        """A key for what the patches change; a word in a message changes no kernel."""
        changes = (one.read_bytes().partition(b"\ndiff --git ")[2] for one in self.patches)
        return cache.digest(self.line, *changes)


@dataclass(frozen=True)
class Patched:
    """What came of a tree. `version`: the tree's own; `line`: the series that fitted."""

    tree: Path
    version: str
    line: str
    applied: tuple[str, ...]


def lines() -> dict[str, Series]:
    """Every series there is, by kernel line, newest first.

    Raises RefusedError when the project's patches are missing.
    """
    found = {
        folder.name: Series(folder.name, tuple(sorted(folder.glob("*.patch"))))
        for folder in _PLACE.glob("[0-9]*.[0-9]*")
    }
    if found:
        return dict(sorted(found.items(), key=lambda one: _number(one[0]), reverse=True))
    raise RefusedError(
        "this installation carries no patches: they are GPL-2.0-only, and so not in a wheel",
        remedy="run roundpen from its source tree: pip install -e TREE",
    )


def version(tree: Path) -> str:
    """The kernel version that the Makefile of `tree` says, say "6.1.192".

    Raises UserError when `tree` is no Linux source tree.
    """
    try:
        text = (tree / "Makefile").read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{tree}: no Linux source tree: Makefile: {reason_of(error)}",
            remedy="give the folder that holds the kernel's top Makefile",
        ) from error
    found = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL) *= *(\d+)$", text, re.MULTILINE))
    if not {"VERSION", "PATCHLEVEL"} <= found.keys() or not (tree / "arch/arm64").is_dir():
        raise UserError(f"{tree}: no Linux source tree with arm64: its Makefile names no version")
    return f"{found['VERSION']}.{found['PATCHLEVEL']}.{found.get('SUBLEVEL', '0')}"


def line_of(version: str) -> str:
    """The kernel line of a version: "6.1" of "6.1.192"."""
    return ".".join(version.split(".")[:2])


def patch(tree: Path) -> Patched:
    """Apply the series for the line of `tree` to it; for an unknown line, the newest that fits.

    All patches are tried on a copy of the files that they touch first: the tree gets all or
    none. Raises UserError naming patch and hunk when none fits or the tree has it already.
    """
    have = version(tree)
    known = lines()
    line = line_of(have)
    candidates = [known[line]] if line in known else list(known.values())
    refusals = []
    for series in candidates:
        refusal = _try(tree, series)
        if refusal is None:
            for one in series.patches:
                apply(tree, one)
            return Patched(tree, have, series.line, tuple(one.stem for one in series.patches))
        refusals.append(f"series {series.line}: {refusal}")
    raise UserError(
        f"{tree}: Linux {have}: {'; '.join(refusals)}",
        remedy="take a tree of a line that has a series: " + ", ".join(known)
        if line not in known
        else "take the tree as kernel.org or Debian publishes it",
    )


def touched(file: Path) -> list[str]:
    """The files that the patch `file` changes, creates or removes, as paths in the tree."""
    text = file.read_text(encoding="utf-8")
    return sorted(set(re.findall(r"^(?:--- a|\+\+\+ b)/(\S+)", text, re.MULTILINE)))


def failed_hunk(output: str) -> str:
    """Where `patch` or `git apply` says that a patch does not fit; "" if it does not say."""
    file = ""
    for text in output.splitlines():
        checking = re.match(r"(?:checking|patching) file (\S+)", text)
        if checking:
            file = checking[1]
        if "previously applied" in text:
            return f"{file}: already applied"
        if "can't find file to patch" in text:
            return "a file that it changes is missing"
        failed = _FAILED.match(text)
        if failed:
            if failed[1]:
                return f"{file}: hunk {failed[1]} at line {failed[2]}"
            return f"{failed[3]}: hunk at line {failed[4]}"
    return ""


def _try(tree: Path, series: Series) -> str | None:
    """Why `series` does not fit, or None."""
    with scratch.folder("series") as copy:
        return apply_to_copy(tree, copy, series)


def apply_to_copy(tree: Path, place: Path, series: Series) -> str | None:
    """Copy the files of `tree` that `series` touches to `place`, and apply it there.

    Gives why it does not fit, or None.
    """
    for path in sorted({path for one in series.patches for path in touched(one)}):
        source, copy = tree / path, place / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            shutil.copy(source, copy)
    for one in series.patches:
        refusal = apply(place, one)
        if refusal is not None:
            return f"{one.stem}: {refusal}"
    return None


def apply(tree: Path, file: Path) -> str | None:
    """Apply one patch file to `tree`; why it does not fit, or None."""
    # No fuzz, like git am: a hunk whose context differs may land in another function.
    command = ["patch", "-p1", "--fuzz=0", "--forward", "--batch", "--no-backup-if-mismatch",
               "--reject-file=-", "-d", str(tree), "-i", str(file)]  # fmt: skip
    done = tool.run(command, limit=_LIMIT)
    if done.returncode == 0:
        return None
    return failed_hunk(done.stdout) or done.stdout.strip()[-300:]


def _number(line: str) -> tuple[int, ...]:
    return tuple(int(part) for part in line.split("."))

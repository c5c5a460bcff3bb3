# SPDX-License-Identifier: BSD-2-Clause
"""Package files -> a folder that apt takes as an archive (`deb [trusted=yes] file:...`)."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from roundpen.packages.apt import Deb
from roundpen.packages.unpack import control

SUITE = "./"
"""What stands behind the folder in sources.list: the archive is a flat one."""


def stanza(fields: str, deb: Deb, size: int) -> str:
    """A package's entry in the index. Pure.

    `fields`: the package's own control file; `size`: bytes of the package file.
    Format: deb-control(5) and the archive's "Packages" indices.
    """
    return f"{fields.rstrip()}\nFilename: ./{deb.path.name}\nSize: {size}\nSHA256: {deb.sha256}\n"


def make(debs: Iterable[Deb], folder: Path) -> None:
    """Copy `debs` to `folder`, which need not be there, and write its index.

    Raises MachineError when a package is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for deb in sorted(debs, key=lambda deb: deb.path.name):
        shutil.copyfile(deb.path, folder / deb.path.name)
        entries.append(stanza(control(deb), deb, deb.path.stat().st_size))
    (folder / "Packages").write_text("\n".join(entries), encoding="utf-8")

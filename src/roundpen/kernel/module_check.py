# SPDX-License-Identifier: BSD-2-Clause
"""The late pen's module under the judges of a kernel's maintainer: checkpatch, sparse, W=1."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from roundpen.errors import RefusedError
from roundpen.kernel import build as builder
from roundpen.kernel import checkpatch, module, source, tool

LINE = "6.1"
"""Whose checkpatch.pl is asked."""
NOT_ASKED = {
    "LINUX_VERSION_CODE": "it speaks of code inside the kernel's tree, which serves one version",
}
"""checkpatch's types that are left out, and why."""
_FILES = (".c", ".h", ".S")
_LIMIT = 900
_REMARK = re.compile(r"^\S+\.(?:c|h|S):\d+:(?:\d+:)? (?:error|warning): .*", re.M)


def style(folder: Path = module.SOURCE) -> list[str]:
    """What checkpatch --strict objects to in the module's own files: "FILE: LINE: KIND: words".

    Raises MachineError when Debian's source can't be had.
    """
    tree = source.trimmed(source.deb(LINE))
    environment = builder.environment(os.environ)
    options = ("--file", "--no-tree", "--ignore", ",".join(NOT_ASKED))
    return [
        f"{path.name}: {said}"
        for path in sorted(folder.iterdir())
        if path.suffix in _FILES and not path.name.endswith(".mod.c")
        for said in checkpatch.remarks(tree, path, environment, *options)
    ]


def compiler(kernel: str, folder: Path = module.SOURCE) -> list[str]:
    """What sparse and the compiler with W=1 object to, built for `kernel` of the lab.

    made/ is not the module's own: libfdt has its maintainers. Raises RefusedError without sparse,
    MachineError when make fails for another reason than one of these objections.
    """
    if shutil.which("sparse") is None:
        raise RefusedError("sparse: not found", remedy="install the package sparse")
    target = module.folder(kernel)
    with module.copied(folder) as place:
        command = module.make_arguments(place, target, "W=1", "C=2")
        done = tool.run(command, limit=_LIMIT, environment=builder.environment(os.environ))
        return parse(done.stdout, place, done.returncode)


def parse(output: str, place: Path, status: int) -> list[str]:
    """make's output on the module in `place`: each objection once, none of made/'s. Pure."""
    said = [line.replace(f"{place}/", "") for line in _REMARK.findall(output)]
    own = list(dict.fromkeys(line for line in said if not line.startswith("made/")))
    if status and not own:
        return [f"make: exit status {status}: {output.strip()[-600:]}"]
    return own

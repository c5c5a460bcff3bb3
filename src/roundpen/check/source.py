# SPDX-License-Identifier: BSD-2-Clause
"""Device tree sources, compiled by dtc: the one place that starts it for a check."""

from __future__ import annotations

import re
import resource
import subprocess
from pathlib import Path

from roundpen.devicetree.outline import SIZE_MAX
from roundpen.errors import RefusedError, UserError, reason_of

SECONDS = 20
_MEMORY = 1 << 30
"""Bytes of address space for dtc. A source can include any file, endless ones too."""
_PREPROCESSED = re.compile(rb"^[ \t]*#[ \t]*(include|define|if|ifdef)\b", re.MULTILINE)


def compile_source(source: bytes, path: Path) -> bytes:
    """The DTB of a source; `path` is for messages, and for what it includes beside it.

    Raises UserError when dtc rejects it, MachineError when dtc is missing.
    """
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", "-i", str(path.parent.absolute()), "-"]
    try:
        done = subprocess.run(
            command,
            input=source,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            preexec_fn=_limit,
        )
    except FileNotFoundError as error:
        raise RefusedError(
            f"dtc is not installed: {reason_of(error)}",
            remedy="install device-tree-compiler, or give a DTB",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{path}: dtc took more than {SECONDS} s") from error
    if done.returncode or not done.stdout:
        raise UserError(f"{path}: {_complaint(source, done.stderr)}", remedy=_remedy(source))
    return done.stdout


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_MAX, SIZE_MAX))


def _complaint(source: bytes, stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    first = "".join(sign for sign in (lines[0] if lines else "") if sign.isprintable())
    return f"dtc rejects it ({first[:200] or 'without a word'})"


def _remedy(source: bytes) -> str:
    if _PREPROCESSED.search(source):
        return "it needs the C preprocessor first, as in Linux's build; give the DTB instead"
    return "correct it, or give the DTB"

# SPDX-License-Identifier: BSD-2-Clause
"""Programs of the system that do a part of the work: modprobe, mount, kexec, systemctl."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from roundpen.errors import MachineError, RefusedError, reason_of

PATH = "/usr/sbin:/sbin:/usr/bin:/bin:/run/current-system/sw/bin"
"""Where they are; the last one is NixOS'."""


def run(
    words: Sequence[str], *, seconds: float | None, remedy: str
) -> subprocess.CompletedProcess[str]:
    """What it says, in English, and its status. Stopped from outside it ends with us.

    `remedy`: what to install. Raises RefusedError where there is no such program, MachineError
    where it can't be run or takes longer than `seconds` (None: as long as it likes).
    """
    try:
        return subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
            env={**os.environ, "PATH": PATH, "LC_ALL": "C"},
        )  # fmt: skip
    except FileNotFoundError as error:
        raise RefusedError(f"{words[0]}: there is no such program", remedy=remedy) from error
    except OSError as error:
        raise MachineError(f"{words[0]}: cannot be run: {reason_of(error)}") from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{' '.join(words[:3])}: not done after {seconds} s") from error

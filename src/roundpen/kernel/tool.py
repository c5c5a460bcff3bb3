# SPDX-License-Identifier: BSD-2-Clause
"""Run somebody else's tool and read what it says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from roundpen.errors import MachineError, RefusedError, reason_of


def run(
    command: Sequence[str],
    folder: Path | None = None,
    *,
    limit: float,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Its status, and all that it prints, in English, as `stdout`. `limit`: seconds.

    Raises RefusedError when it is not installed, MachineError when it takes longer.
    """
    inherited = os.environ if environment is None else environment
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**inherited, "LC_ALL": "C"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
        )
    except OSError as error:
        raise RefusedError(
            f"{command[0]}: cannot be run: {reason_of(error)}", remedy=f"install {command[0]}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{command[0]}: not done after {limit:.0f} s") from error

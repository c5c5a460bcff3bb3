# SPDX-License-Identifier: BSD-2-Clause
"""Build hook: a wheel, editable or not, carries the compiled pen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PEN = "src/roundpen/image/data/pen.bin"


class PenBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc,unused-ignore]
    """Compiles the pen before the wheel's files are collected."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build pen.bin into the package and add it to the wheel, although git ignores it."""
        root = Path(self.root)
        done = subprocess.run(
            [sys.executable, "-B", str(root / "pen" / "build.py"), "--out", str(root / _PEN)],
            check=False,
        )
        if done.returncode != 0:
            self.app.abort("the pen could not be built; the line above says why")
        build_data["artifacts"].append(_PEN)

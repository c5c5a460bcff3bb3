# SPDX-License-Identifier: BSD-2-Clause
"""Build hook: a wheel carries the compiled pen, and the module's source.

An editable one has the pen beside the package's own files; the module it takes from module/."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PEN = "src/roundpen/image/data/pen.bin"


_MODULE = "roundpen/kexec/data/module"


class PenBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc,unused-ignore]
    """Compiles the pen before the wheel's files are collected."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build pen.bin and module/made, and add both to the wheel, although git ignores them."""
        root = Path(self.root)
        self._pen(["--out", str(root / _PEN)])
        build_data["artifacts"].append(_PEN)
        if version == "editable":
            return
        module = root / "module"
        self._pen(["--module", str(module / "made")])
        sys.path.insert(0, str(root / "src"))
        from roundpen.kexec.source import handwritten

        carried = [*handwritten(module), *sorted((module / "made").iterdir())]
        build_data["force_include"].update(
            {str(path): f"{_MODULE}/{path.relative_to(module)}" for path in carried}
        )

    def _pen(self, options: list[str]) -> None:
        build = [sys.executable, "-B", str(Path(self.root) / "pen" / "build.py")]
        if subprocess.run([*build, *options], check=False).returncode != 0:
            self.app.abort("the pen could not be built; the line above says why")

# SPDX-License-Identifier: BSD-2-Clause
"""packaging/build.py, which belongs to no package (and has a name that others have too)."""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType

from tests.unit.test_docs import ROOT


@cache
def deb_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("deb_build", ROOT / "packaging" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

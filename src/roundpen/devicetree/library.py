# SPDX-License-Identifier: BSD-2-Clause
"""libfdt by its Python binding, imported with the first call: who reads no tree needs none."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


class _Library(ModuleType):
    """The module, as far as it was used. Each of its names costs an import once."""

    def __getattr__(self, name: str) -> object:
        found: object = getattr(import_module("libfdt"), name)
        # From now on an attribute like any other: no call of this function.
        setattr(self, name, found)
        return found


libfdt: ModuleType = _Library("libfdt")
"""Raises ModuleNotFoundError where the binding is not installed (roundpen.extras says how)."""

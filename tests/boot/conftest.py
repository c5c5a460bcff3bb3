# SPDX-License-Identifier: BSD-2-Clause
"""The order of tests: what takes longest first, or it would be waited for alone at the end."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)

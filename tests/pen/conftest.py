# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the bare-machine tests."""

from __future__ import annotations

import pytest

from tests.pen.harness import Bench, need_tools


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Where machines run; each keeps its console, tree and logbook there."""
    need_tools()
    return Bench(tmp_path_factory.mktemp("pen"))

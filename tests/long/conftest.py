# SPDX-License-Identifier: BSD-2-Clause
"""`make test-long`: what takes too long for every change."""

from __future__ import annotations

import time

import pytest

from tests.trees.compare import KEPT

BEGAN = time.time()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the trees, which xdist's processes can only leave in a file."""
    path = KEPT / "table.txt"
    if path.is_file() and path.stat().st_mtime >= BEGAN:
        terminalreporter.write_line(path.read_text())

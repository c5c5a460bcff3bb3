# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the bare-machine tests."""

from __future__ import annotations

import pytest

from roundpen.errors import MachineError
from roundpen.lab import emulator
from tests.pen.harness import Bench, need_tools

_OPTION = "--qemu"


def pytest_addoption(parser: pytest.Parser) -> None:
    """All of it on another QEMU: `pytest tests/pen --qemu newest`."""
    choices = ("host", "newest")
    parser.addoption(_OPTION, choices=choices, default="host", help="newest: Debian's")


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Where machines run; each keeps its console, tree and logbook there."""
    # Not there when pytest is started from above: then nobody has asked for another.
    if request.config.getoption(_OPTION, "host") == "host":
        need_tools()
        return Bench(tmp_path_factory.mktemp("pen"))
    try:
        found = emulator.from_debian()
    except MachineError as error:
        pytest.skip(f"no newer QEMU: {error}")
    return Bench(tmp_path_factory.mktemp("pen"), found.command)

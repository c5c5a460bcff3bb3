# SPDX-License-Identifier: BSD-2-Clause
"""What `check` says of strangers' boards: trees in field/, each with the answer that is right.

Each tree stands for a kind of board that somebody has, or for a kind of mistake that somebody's
tree showed. Row names are those of the list in issue 11.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest

from roundpen.check import Board, State, System, check, read_board, routes
from roundpen.check.system import UNKNOWN

FIELD = Path(__file__).parent / "field"
OPEN, DEPENDS, CLOSED = State.OPEN, State.DEPENDS, State.CLOSED

pytestmark = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


@cache
def tree(name: str) -> Board:
    return read_board(FIELD / f"{name}.dts")


def codes(name: str, system: System = UNKNOWN) -> set[str]:
    """Errors and warnings."""
    found = check(tree(name), system)
    return {each.code for each in found if each.severity.value != "note"}


def states(name: str, system: System = UNKNOWN) -> dict[str, State]:
    return {route.name: route.state for route in routes(tree(name), system)}


def reason(name: str, way: str, system: System = UNKNOWN) -> str:
    found = routes(tree(name), system)
    return next(route.reason for route in found if route.name == way)


# --- boards that were judged right from the start ------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected", "with_one_cpu"),
    [
        ("bcm4908-old", {"RP024", "RP026", "RP040"}, CLOSED),  # nothing reserved
        ("bcm4908-new", {"RP024", "RP040"}, DEPENDS),
        ("tmpv7708", {"RP024", "RP040"}, DEPENDS),
        ("msm8939-lk2nd", {"RP024", "RP040"}, DEPENDS),
        ("base", {"RP040"}, DEPENDS),
    ],
)
def test_spin_tables_of_strangers(name: str, expected: set[str], with_one_cpu: State) -> None:
    assert codes(name) == expected
    found = states(name)
    assert found["psci"] is found["firmware-return"] is CLOSED
    assert found["pen-psci-el2"] is found["pen-return"] is found["kdump"] is DEPENDS
    assert found["nr-cpus"] is with_one_cpu
    assert states(name, System(entry_level=2))["pen-psci-el2"] is OPEN
    assert states(name, System(entry_level=1))["pen-psci-el2"] is CLOSED


def test_axiado_has_its_words_outside_of_ram() -> None:
    assert codes("axiado") == {"RP024", "RP025", "RP040"}
    assert states("axiado")["pen-psci-el2"] is DEPENDS


def test_apple_a10_as_linux_has_it() -> None:
    """Release addresses are zero, and there is no RAM: m1n1 fills in both."""
    assert codes("apple-a10") == {"RP022", "RP040"}
    found = states("apple-a10")
    assert found["pen-return"] is found["nr-cpus"] is DEPENDS

# SPDX-License-Identifier: BSD-2-Clause
"""A sample of the trees of tests/trees: Linux as `check` says, and never worse under the pen."""

from __future__ import annotations

import pytest

from tests.trees import field, kinds
from tests.trees.compare import compare
from tests.trees.machine import KERNEL


@pytest.mark.parametrize("name", kinds.SAMPLE)
def test_linux_check_and_pen(name: str) -> None:
    assert compare(kinds.find(name)).problems == []


@pytest.mark.parametrize("name", ["mixed-boot", "onenodt"])
def test_strangers_trees_on_a_pi(name: str) -> None:
    """The two that ended in a kernel BUG: one without the pen, one with it. tests/long: all."""
    case = next(one for one in field.cases(KERNEL) if one.name == name)
    assert compare(case).problems == []

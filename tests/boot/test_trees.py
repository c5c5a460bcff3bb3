# SPDX-License-Identifier: BSD-2-Clause
"""A sample of the trees of tests/trees: Linux as `check` says, and never worse under the pen."""

from __future__ import annotations

import pytest

from tests.trees import kinds
from tests.trees.compare import compare


@pytest.mark.parametrize("name", kinds.SAMPLE)
def test_linux_check_and_pen(name: str) -> None:
    assert compare(kinds.find(name)).problems == []

# SPDX-License-Identifier: BSD-2-Clause
"""Strangers' trees on a Raspberry Pi 3B with Debian's kernel as it is, plain and wrapped."""

from __future__ import annotations

import pytest

from tests.trees import field
from tests.trees.compare import compare
from tests.trees.kinds import Case

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("case", field.cases(), ids=lambda case: case.name)
def test_linux_check_and_pen(case: Case) -> None:
    assert compare(case).problems == []

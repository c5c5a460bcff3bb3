# SPDX-License-Identifier: BSD-2-Clause
"""What holds for every test."""

import pytest
from hypothesis import settings

# A busy host is no defect: no example fails for being slow.
settings.register_profile("roundpen", deadline=None)
settings.load_profile("roundpen")
# `make fuzz`: pytest --hypothesis-profile=fuzz
settings.register_profile("fuzz", deadline=None, max_examples=5000)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """No bytes in a test's name. xdist refuses a run in which two processes collect other names,
    and a gzip stream holds the second in which it was packed."""
    return argname if isinstance(val, bytes) else None

# SPDX-License-Identifier: BSD-2-Clause
"""What holds for every test."""

from hypothesis import settings

# A busy host is no defect: no example fails for being slow.
settings.register_profile("roundpen", deadline=None)
settings.load_profile("roundpen")
# `make fuzz`: pytest --hypothesis-profile=fuzz
settings.register_profile("fuzz", deadline=None, max_examples=5000)

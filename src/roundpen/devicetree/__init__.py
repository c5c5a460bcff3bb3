# SPDX-License-Identifier: BSD-2-Clause
"""Device trees: the only place that touches libfdt."""

from roundpen.devicetree.tree import Reservation, Tree

__all__ = ["Reservation", "Tree"]

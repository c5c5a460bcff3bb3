# SPDX-License-Identifier: BSD-2-Clause
"""Device trees: the only place that touches libfdt."""

from roundpen.devicetree.outline import Node, Outline
from roundpen.devicetree.tree import Reservation, Tree

__all__ = ["Node", "Outline", "Reservation", "Tree"]

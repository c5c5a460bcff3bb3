# SPDX-License-Identifier: BSD-2-Clause
"""Linux kernels for the lab: the distribution's own, by name."""

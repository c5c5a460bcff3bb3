# SPDX-License-Identifier: BSD-2-Clause
"""What the pen costs: instructions, bytes, time; each figure beside its target."""

# SPDX-License-Identifier: BSD-2-Clause
"""The pen's logbook: finding it, reading it, and what it says."""

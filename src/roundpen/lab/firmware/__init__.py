# SPDX-License-Identifier: BSD-2-Clause
"""The lab's vendor firmware: an EL3 stand-in that knows a spin-table and nothing else."""

# SPDX-License-Identifier: BSD-2-Clause
"""What the contract and the pen are held against: models, the shipped bytes, recorded runs."""

# SPDX-License-Identifier: BSD-2-Clause
"""The contract's constants: written once, here."""

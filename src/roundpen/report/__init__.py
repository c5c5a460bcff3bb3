# SPDX-License-Identifier: BSD-2-Clause
"""What people and programs read: text, tables, JSON."""

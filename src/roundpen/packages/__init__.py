# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages of any suite and architecture, in the cache, without touching the host."""

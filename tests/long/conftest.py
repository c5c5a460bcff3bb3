# SPDX-License-Identifier: BSD-2-Clause
"""`make test-long`: what takes too long for every change."""

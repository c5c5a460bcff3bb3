# SPDX-License-Identifier: BSD-2-Clause
"""arm64 Images: reading their header, unpacking them, putting the pen in front of them."""

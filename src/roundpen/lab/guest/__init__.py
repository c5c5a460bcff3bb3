# SPDX-License-Identifier: BSD-2-Clause
"""What runs inside the machine: a root of a few Debian files and an /init that drives."""

# SPDX-License-Identifier: BSD-2-Clause
"""kexec and CPU hotplug for arm64 machines that start their CPUs from a spin-table."""

__version__ = "0.1.0"

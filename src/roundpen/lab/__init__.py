# SPDX-License-Identifier: BSD-2-Clause
"""Machines, guests, consoles and scenarios: where kexec and hotplug are tried for real."""

# SPDX-License-Identifier: BSD-2-Clause
"""The pen's resident binary under every interleaving of its accesses to shared memory.

Unicorn executes the shipped instructions; this package decides in which order the CPUs take
their turns, and keeps the register file of EL2, which Unicorn does not have.
"""

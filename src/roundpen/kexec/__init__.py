# SPDX-License-Identifier: BSD-2-Clause
"""The verb `kexec`: what to start next, the plan, the rehearsal and the jump.

`system.read()` gives the running system as a value, `plan.make()` the plan, a value too. Neither
changes anything. What acts does what a plan says and decides nothing.
"""

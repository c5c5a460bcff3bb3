# SPDX-License-Identifier: BSD-2-Clause
"""The verb `kexec`: what to start next, the plan, the rehearsal and the jump."""

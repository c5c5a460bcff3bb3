/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU_SUSPEND (DEN0022, 5.1.2): standby only; the state stays ON. */
#include "resident.h"

int64_t psci_cpu_suspend(uint64_t power_state)
{
	/*
	 * One state: standby of this core alone, state id 0. The pen can't take
	 * power away, so everything that asks for power-down (bit 16) or for a
	 * cluster (bits 25:24) is refused, reserved bits included.
	 */
	if (power_state)
		return PSCI_INVALID_PARAMETERS;
	/* Interrupts go to EL1: they wake WFI here and are taken after ERET. */
	__asm__ volatile("dsb sy\n\twfi" ::: "memory");
	return PSCI_SUCCESS;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* SYSTEM_OFF and SYSTEM_RESET (DEN0022, 5.1.9 and 5.1.10) by the board's own means. */
#include "resident.h"

int64_t psci_system(volatile struct poke *pokes, uint32_t count)
{
	uint64_t began;

	if (!count)
		return PSCI_NOT_SUPPORTED;
	for (uint32_t i = 0; i < count; i++) {
		volatile uint32_t *reg = (volatile uint32_t *)pokes[i].address;

		*reg = (*reg & pokes[i].keep) | pokes[i].set;
		__asm__ volatile("dsb sy" ::: "memory");
	}
	/*
	 * A watchdog needs its tick, a power controller its ramp. Past a second
	 * the board has not done it, and Linux has other handlers to try.
	 */
	began = counter();
	while (counter() - began < logbook.counter_frequency)
		;
	return PSCI_INTERNAL_FAILURE;
}

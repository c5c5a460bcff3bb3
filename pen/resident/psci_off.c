/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU_OFF (DEN0022, 5.1.3): ON -> OFF_PENDING. retire in park.S makes it OFF. */
#include "resident.h"

_Noreturn void psci_cpu_off(void)
{
	/*
	 * From here to the park loop the CPU is neither: a CPU_ON is told that
	 * it is still on, AFFINITY_INFO too, which is what makes a kernel wait
	 * before it overwrites memory.
	 */
	my_slot()->state = STATE_OFF_PENDING;
	retire();
}

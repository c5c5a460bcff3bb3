/* SPDX-License-Identifier: BSD-2-Clause */
/* AFFINITY_INFO (DEN0022, 5.1.5): changes nothing. */
#include "resident.h"

int64_t psci_affinity_info(uint64_t target, uint64_t level)
{
	volatile struct slot *slot = find_slot(target);

	/* From PSCI 1.0 on only level 0 has to be answered. */
	if (!slot || level)
		return PSCI_INVALID_PARAMETERS;
	if (slot->barred)
		return PSCI_DISABLED;
	switch (slot->state) {
	case STATE_OFF:
		return AFFINITY_OFF;
	case STATE_ON_PENDING:
		return AFFINITY_ON_PENDING;
	case STATE_ON:
	case STATE_OFF_PENDING:
		return AFFINITY_ON;
	default:
		return PSCI_DISABLED;
	}
}

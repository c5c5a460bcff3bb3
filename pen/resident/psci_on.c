/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU_ON (DEN0022, 5.1.4): OFF -> ON_PENDING. leave in park.S makes it ON. */
#include "lock.h"

static bool entry_usable(uint64_t entry)
{
	uint64_t base = (uint64_t)vectors;

	/*
	 * 0 would read as "parked" in the release word. No kernel has its
	 * secondary entry there: the Image header stands at its start.
	 */
	return entry && !(entry & 3) && entry - base >= RESERVED_SIZE;
}

/*
 * Claim a CPU that is OFF. Only holders of the lock take a CPU out of OFF and
 * only the CPU itself takes its slot anywhere else, so what is read under the
 * lock as OFF stays OFF until it is written here, and one caller alone wins.
 */
static uint32_t claim(volatile struct slot *slot)
{
	volatile struct slot *me = my_slot();
	uint32_t state;

	lock_acquire(me);
	state = slot->state;
	if (state == STATE_OFF)
		slot->state = STATE_ON_PENDING;
	lock_release(me);
	return state;
}

int64_t psci_cpu_on(uint64_t target, uint64_t entry, uint64_t context)
{
	volatile struct slot *slot = find_slot(target);

	if (!slot)
		return PSCI_INVALID_PARAMETERS;
	if (!entry_usable(entry))
		return PSCI_INVALID_ADDRESS;
	if (slot->barred)
		return PSCI_INTERNAL_FAILURE;
	switch (claim(slot)) {
	case STATE_OFF:
		break;
	case STATE_ON_PENDING:
		return PSCI_ON_PENDING;
	case STATE_ON:
	case STATE_OFF_PENDING:
		/* Until it is parked it may still be woken by nobody. */
		return PSCI_ALREADY_ON;
	default:
		return PSCI_INTERNAL_FAILURE;
	}
	slot->context = context;
	memory_barrier();
	slot->release = entry;
	__asm__ volatile("dsb sy\n\tsev" ::: "memory");
	return PSCI_SUCCESS;
}

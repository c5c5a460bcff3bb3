/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of resident/ know of each other. All of it runs at EL2 with
 * the MMU off, so every data access is Device-nGnRnE: single-copy atomic when
 * aligned, never cached, but exclusives are not available (Arm ARM B2.9).
 */
#ifndef ROUNDPEN_RESIDENT_PRIVATE_H
#define ROUNDPEN_RESIDENT_PRIVATE_H

#include <resident.h>
#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden) /* no GOT: all of it is one piece */

/* Placed by resident.lds at the offsets of the contract. */
extern uint8_t vectors[];
extern volatile struct logbook logbook;
extern volatile struct slot slots[SLOT_MAX];

/* DEN0022, 5.2.2: return codes. */
enum psci_result {
	PSCI_SUCCESS = 0,
	PSCI_NOT_SUPPORTED = -1,
	PSCI_INVALID_PARAMETERS = -2,
	PSCI_ALREADY_ON = -4,
	PSCI_ON_PENDING = -5,
	PSCI_INTERNAL_FAILURE = -6,
	PSCI_DISABLED = -8,
	PSCI_INVALID_ADDRESS = -9,
};

/* DEN0022, 5.1.5: what AFFINITY_INFO answers. */
enum psci_affinity { AFFINITY_ON = 0, AFFINITY_OFF = 1, AFFINITY_ON_PENDING = 2 };

/* The slot of the CPU that runs this. */
static inline volatile struct slot *my_slot(void)
{
	volatile struct slot *slot;

	__asm__("mrs %0, tpidr_el2" : "=r"(slot));
	return slot;
}

static inline uint32_t slot_number(volatile struct slot *slot)
{
	return (uint32_t)(slot - slots);
}

static inline uint64_t counter(void)
{
	uint64_t now;

	__asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(now)::"memory");
	return now;
}

#define memory_barrier() __asm__ volatile("dmb sy" ::: "memory")

volatile struct slot *find_slot(uint64_t mpidr);

int64_t psci_cpu_on(uint64_t target, uint64_t entry, uint64_t context);
int64_t psci_affinity_info(uint64_t target, uint64_t level);
int64_t psci_cpu_suspend(uint64_t power_state);
int64_t psci_system(volatile struct poke *pokes, uint32_t count);
_Noreturn void psci_cpu_off(void);
_Noreturn void retire(void);

#endif

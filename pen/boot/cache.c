/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache maintenance for memory that is written with the caches off. */
#include "boot.h"

/*
 * Clean and invalidate to the point of coherency, on all CPUs (operations by
 * address with the MMU off reach the whole outer shareable domain, Arm ARM
 * D7.5). Before a write: a dirty line, left by whoever ran with caches on,
 * could be evicted over it. After: a clean line, fetched meanwhile by
 * speculation, could hide it from a reader with caches on.
 */
void cache_clean_invalidate(struct range range)
{
	uint64_t type, line;

	__asm__("mrs %0, ctr_el0" : "=r"(type));
	line = 4ull << (type >> 16 & 0xf); /* DminLine, in words */
	__asm__ volatile("dsb sy" ::: "memory");
	for (uint64_t at = range.start & ~(line - 1); at < range.end; at += line)
		__asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
	__asm__ volatile("dsb sy" ::: "memory");
}

/* New instructions stand in memory: no CPU may run the old ones. */
void instructions_changed(void)
{
	__asm__ volatile("dsb sy\n\tic ialluis\n\tdsb sy\n\tisb" ::: "memory");
}

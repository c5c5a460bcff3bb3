/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow way into the lock of lock.h; the fast way is part of its one caller. */
#include "lock.h"

bool outlast(volatile struct slot *me, uint32_t id)
{
	me->lock_busy = 0;
	memory_barrier();
	for (uint32_t other = 0; other < logbook.cpu_count; other++)
		while (slots[other].lock_busy)
			wait_a_moment();
	memory_barrier();
	if (logbook.lock_y == id)
		return true;
	while (logbook.lock_y)
		wait_a_moment();
	return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lock out of plain loads and stores, because with the MMU off there are no
 * exclusives to build one from.
 *
 * Mutual exclusion: L. Lamport, "A Fast Mutual Exclusion Algorithm" (1987),
 * algorithm 2. Why it is right: a CPU enters either by the fast way, having
 * read x == itself after it wrote y (so nobody wrote x since this CPU did, and
 * everybody who comes later will read y != 0 and wait), or by the slow way,
 * having seen every other CPU not busy after it wrote y, and y still its own
 * (so nobody can be on the fast way any more, and the last writer of y wins).
 * Without contention that costs two reads and four writes, however many CPUs
 * there are; only a collision looks at every slot.
 *
 * Nobody starves: Y. Bar-David's transformation (in G. Taubenfeld,
 * "Synchronization Algorithms and Concurrent Programming", 2.2.2): before the
 * lock proper, wait while it is the turn of somebody else who wants it; whoever
 * leaves passes the turn on when its owner does not want it. A waiting CPU is
 * overtaken until the turn has come round to it, not for ever.
 *
 * Both proofs need sequential consistency: a DMB SY between every pair of
 * accesses that they order. Interrupts are masked throughout and the section is
 * a few instructions long, so a waiter spins; YIELD is a hint for emulators.
 */
#ifndef ROUNDPEN_LOCK_H
#define ROUNDPEN_LOCK_H

#include "resident.h"

/* The slow way in, after a collision: true when this CPU holds the lock (lock.c). */
bool outlast(volatile struct slot *me, uint32_t id);

static inline void wait_a_moment(void)
{
	__asm__ volatile("yield" ::: "memory");
}

static void await_turn(volatile struct slot *me, uint32_t number)
{
	uint32_t turn;

	me->lock_wants = 1;
	memory_barrier();
	while ((turn = logbook.lock_turn) != number && slots[turn].lock_wants)
		wait_a_moment();
}

static inline void lock_acquire(volatile struct slot *me)
{
	uint32_t number = slot_number(me);
	uint32_t id = number + 1; /* 0 in y means free */

	await_turn(me, number);
	for (;;) {
		me->lock_busy = 1;
		memory_barrier();
		logbook.lock_x = id;
		memory_barrier();
		if (logbook.lock_y) {
			me->lock_busy = 0;
			while (logbook.lock_y)
				wait_a_moment();
			continue;
		}
		logbook.lock_y = id;
		memory_barrier();
		if (logbook.lock_x == id || outlast(me, id))
			break;
	}
	memory_barrier();
}

static inline void lock_release(volatile struct slot *me)
{
	uint32_t turn = logbook.lock_turn;

	me->lock_wants = 0;
	memory_barrier();
	if (!slots[turn].lock_wants)
		logbook.lock_turn = turn + 1 < logbook.cpu_count ? turn + 1 : 0;
	memory_barrier();
	logbook.lock_y = 0;
	memory_barrier();
	me->lock_busy = 0;
}

#endif

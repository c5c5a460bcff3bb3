/* SPDX-License-Identifier: BSD-2-Clause */
/* Take the CPUs out of the firmware's spin-table. */
#include "boot.h"

/*
 * How long the next CPU may take. A spin loop answers in microseconds; emulated
 * CPUs on a busy host were seen to take 490 ms. Only an absent CPU costs all of it.
 */
#define PATIENCE_MS 2000

/*
 * The firmware's loop reads its word with caches off, or, on some boards, on:
 * maintenance on both sides of the store serves either.
 */
static void release(uint64_t word, uint64_t entry)
{
	struct range line = {word, word + 8};

	cache_clean_invalidate(line);
	*(volatile uint64_t *)word = entry;
	cache_clean_invalidate(line);
}

/* A shared word is written once per CPU with the same value, which does no harm. */
static void release_all(uint64_t reserved, const struct board *board)
{
	for (uint32_t number = 0; number < board->cpu_count; number++)
		if (number != board->boot_cpu && !board->cpus[number].out_of_use)
			release(board->cpus[number].release, reserved + RESIDENT_ARRIVE);
	__asm__ volatile("dsb sy\n\tsev" ::: "memory");
}

static bool is_missing(uint64_t reserved, const struct board *board, uint32_t number)
{
	return number != board->boot_cpu && !board->cpus[number].out_of_use &&
	       slot_at(reserved, number)->state == STATE_ABSENT;
}

/* When the last CPU came, by its own account; `began` when none has. */
static uint64_t last_arrival(uint64_t reserved, const struct board *board, uint64_t began)
{
	uint64_t last = began;

	for (uint32_t number = 0; number < board->cpu_count; number++) {
		uint64_t arrived = slot_at(reserved, number)->arrived_at;

		if (number != board->boot_cpu && arrived > last)
			last = arrived;
	}
	return last;
}

/*
 * Wait until all are there, or until nobody came for PATIENCE_MS. Each CPU is
 * waited for in turn, so that all of it takes a time proportional to their number.
 */
static void wait_for_all(uint64_t reserved, const struct board *board)
{
	uint64_t patience = ticks_per_second() / 1000 * PATIENCE_MS;
	uint64_t since = now();

	for (uint32_t number = 0; number < board->cpu_count; number++) {
		while (is_missing(reserved, board, number)) {
			if (now() - since >= patience) {
				uint64_t last = last_arrival(reserved, board, since);

				if (last == since)
					return;
				since = last;
			}
			__asm__ volatile("yield" ::: "memory");
		}
	}
}

/*
 * Bar first, look second: see arrive in park.S for the other half. A CPU that
 * comes after this finds the bar and stays out, in reserved memory, for ever.
 */
static bool bar_if_not_parked(volatile struct slot *slot)
{
	if (slot->state == STATE_OFF)
		return false;
	slot->barred = 1;
	__asm__ volatile("dsb sy" ::: "memory");
	if (slot->state == STATE_ABSENT)
		slot->state = STATE_FAILED;
	return true;
}

void gather(uint64_t reserved, const struct board *board, void *tree)
{
	volatile struct logbook *logbook = logbook_at(reserved);

	logbook->gather_began_at = now();
	release_all(reserved, board);
	wait_for_all(reserved, board);
	logbook->gather_ended_at = now();
	for (uint32_t number = 0; number < board->cpu_count; number++) {
		if (number == board->boot_cpu)
			continue;
		if (bar_if_not_parked(slot_at(reserved, number)))
			mark_failed(tree, board->cpus[number].mpidr);
	}
}

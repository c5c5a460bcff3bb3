/* SPDX-License-Identifier: BSD-2-Clause */
/* The reserved region: resident code, logbook, index, slots. */
#include "boot.h"
#include <string.h>

volatile struct logbook *logbook_at(uint64_t reserved)
{
	return (volatile struct logbook *)(reserved + LOGBOOK_OFFSET);
}

volatile struct slot *slot_at(uint64_t reserved, uint32_t number)
{
	return (volatile struct slot *)(reserved + SLOT_OFFSET) + number;
}

/* Code and an empty logbook: enough to write down a refusal. */
void prepare_region(uint64_t reserved, uint32_t entry_level, uint64_t entered_at)
{
	volatile struct logbook *logbook = logbook_at(reserved);
	struct range region = {reserved, reserved + RESERVED_SIZE};

	cache_clean_invalidate(region);
	for (uint64_t at = region.start; at < region.end; at += 8)
		*(uint64_t *)at = 0;
	memcpy((void *)(reserved + RESIDENT_OFFSET), resident_blob,
	       (size_t)(resident_blob_end - resident_blob));
	logbook->version = LOGBOOK_VERSION;
	logbook->entry_level = entry_level;
	logbook->base = reserved;
	logbook->counter_frequency = ticks_per_second();
	logbook->entered_at = entered_at;
	logbook->magic = LOGBOOK_MAGIC;
}

/* The longest probe over all CPUs when they are filed by this multiplier; fills the index. */
static uint32_t file_all(volatile uint8_t *index, const struct board *board, uint64_t multiplier,
			 uint32_t shift)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; i < INDEX_ENTRIES; i += 8)
		*(volatile uint64_t *)(index + i) = 0;
	for (uint32_t number = 0; number < board->cpu_count; number++) {
		uint64_t at = board->cpus[number].mpidr * multiplier >> shift;
		uint32_t probes = 0;

		while (index[at]) {
			at = (at + 1) % INDEX_ENTRIES;
			probes++;
		}
		index[at] = (uint8_t)(number + 1);
		if (probes > longest)
			longest = probes;
	}
	return longest;
}

/*
 * Look for a multiplier by which every CPU is found at the first probe. MPIDRs
 * are regular, so one of the first few nearly always does; the bound keeps a
 * hostile tree from holding the boot up, and any multiplier is correct.
 */
static void file_cpus(uint64_t reserved, const struct board *board)
{
	const uint32_t shift = 64 - (31 - __builtin_clz(INDEX_ENTRIES));
	volatile struct logbook *logbook = logbook_at(reserved);
	volatile uint8_t *index = (volatile uint8_t *)(reserved + INDEX_OFFSET);
	uint64_t multiplier = 0x9e3779b97f4a7c15; /* 2^64 / golden ratio (Knuth, TAOCP 6.4) */

	for (uint32_t tries = 0; tries < 64; tries++) {
		if (!file_all(index, board, multiplier, shift))
			break;
		multiplier = multiplier * 6364136223846793005u + 1442695040888963407u;
		multiplier |= 1;
	}
	logbook->hash_multiplier = multiplier;
	logbook->hash_shift = shift;
	file_all(index, board, multiplier, shift);
}

static void copy_means(volatile struct poke *pokes, volatile uint32_t *count,
		       const struct means *means)
{
	for (uint32_t i = 0; i < means->count; i++) {
		pokes[i].address = means->pokes[i].address;
		pokes[i].keep = means->pokes[i].keep;
		pokes[i].set = means->pokes[i].set;
	}
	*count = means->count;
}

/* Everything that a CPU needs which may arrive from now on. */
void fill_region(uint64_t reserved, const struct board *board)
{
	volatile struct logbook *logbook = logbook_at(reserved);

	for (uint32_t number = 0; number < board->cpu_count; number++)
		slot_at(reserved, number)->mpidr = board->cpus[number].mpidr;
	logbook->cpu_count = board->cpu_count;
	logbook->boot_cpu = board->boot_cpu;
	copy_means(logbook->off_poke, &logbook->off_pokes, &board->off);
	copy_means(logbook->reset_poke, &logbook->reset_pokes, &board->reset);
	file_cpus(reserved, board);
	instructions_changed();
}

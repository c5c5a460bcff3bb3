/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to release words and to the rest of the region.
 *
 * A pen that the running tree names is no-map: the kernel has no mapping of it but ours, which
 * is Device, and the maintenance below does nothing. A pen that we made has a cacheable alias in
 * the linear map. Nobody writes through it since region.c cleaned it, so it never holds a dirty
 * line; but the CPU may fill clean lines from it at any time, and one that was filled before a
 * store of the pen's is stale. Arm ARM, "Mismatched memory attributes": where all mappings are
 * Normal memory, invalidating before a read and cleaning after a write makes good for it.
 */
#ifndef ROUNDPEN_WORD_H
#define ROUNDPEN_WORD_H

#include <linux/io.h>
#include <asm/barrier.h>

/* docs/contract.md, "W: the release word" */
#define WORD_PARKED	0
#define WORD_RETURNING	1

/* The architecture's smallest line is 4 words: a step that is right for every CPU. */
#define LINE_STEP	16

static inline void clean_invalidate(const void __iomem *start, size_t size)
{
	const void __iomem *at;

	for (at = start; at < start + size; at += LINE_STEP)
		asm volatile("dc civac, %0" : : "r" (at) : "memory");
	dsb(sy);
}

/*
 * Code that was written here: whatever was fetched or filled from here before, by whom ever, is
 * older. Cleaned to memory, since a CPU whose MMU is off fetches from there.
 */
static inline void publish_code(const void __iomem *start, size_t size)
{
	clean_invalidate(start, size);
	asm volatile("ic ialluis" : : : "memory");
	dsb(ish);
	isb();
}

static inline u64 word_read(const void __iomem *word)
{
	asm volatile("dc ivac, %0" : : "r" (word) : "memory");
	dsb(sy);
	return readq_relaxed(word);
}

/* S3 of the contract without its SEV: not every store is a release. */
static inline void word_write(u64 value, void __iomem *word)
{
	writeq_relaxed(value, word);
	dsb(sy);
	clean_invalidate(word, sizeof(value));
}

#endif

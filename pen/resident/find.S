/* SPDX-License-Identifier: BSD-2-Clause */
#include <resident.h>

/*
 * find_slot: MPIDR -> slot, in a time that does not depend on how many CPUs
 * there are: a multiplicative hash into INDEX_ENTRIES bytes (slot number + 1;
 * 0 = free), linear probing; boot/ picks a multiplier with short probes. At
 * most SLOT_MAX entries are taken, so a free one ends every search.
 * In:       x0 MPIDR, affinity fields only. Out: x0 slot, or 0.
 * Clobbers: x1, x2, x3, flags. No stack: a CPU that arrives has none yet.
 * State:    any exception level, MMU on or off.
 */
	.section .text.find_slot, "ax"
	.globl	find_slot
find_slot:
	adr	x3, logbook
	ldr	x1, [x3, #LOG_HASH_MULTIPLIER]
	mul	x1, x0, x1
	ldr	w2, [x3, #LOG_HASH_SHIFT]
	lsr	x1, x1, x2
	adr	x3, index_table
1:	ldrb	w2, [x3, x1]
	cbz	w2, 2f
	add	x2, x3, x2, lsl #8		// slot number + 1, SLOT_SIZE each
	add	x2, x2, #(SLOT_OFFSET - INDEX_OFFSET - SLOT_SIZE)
	ldr	x3, [x2, #SLOT_MPIDR]
	cmp	x3, x0
	b.eq	3f
	adr	x3, index_table
	add	x1, x1, #1
	and	x1, x1, #(INDEX_ENTRIES - 1)
	b	1b
2:	mov	x0, #0
	ret
3:	mov	x0, x2
	ret

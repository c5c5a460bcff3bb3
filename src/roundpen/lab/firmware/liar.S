/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * liar: the cpu-return-addr of CPUs that are to break their promise. One never
 * gives its receipt, another gives it late. It is beside the firmware that keeps
 * the contract (home.S), not in it.
 * In:       as home. Out: to home, or nowhere. Clobbers x4 to x9.
 * State:    as home.
 */
#include "params.h"

	.section .text.liar, "ax"
	.globl	liar
liar:
	mov	w6, #0x0830			/* little-endian before the first load, as in home.S */
	movk	w6, #0x30c5, lsl #16
	mrs	x7, CurrentEL
	tbz	x7, #3, 3f
	msr	sctlr_el2, x6
	b	4f
3:	orr	w6, w6, #1 << 20
	msr	sctlr_el1, x6
4:	isb
	mrs	x6, mpidr_el1
	bfi	x6, xzr, #24, #8
	ldr	x7, =VENDOR_PARAMS + ENTRIES_OFFSET - ENTRY_SIZE
1:	add	x7, x7, #ENTRY_SIZE
	ldr	x8, [x7, #ENTRY_MPIDR]
	cmp	x8, x6
	b.ne	1b
	ldr	w8, [x7, #ENTRY_FLAGS]
	tbnz	w8, #FLAG_NO_RECEIPT_BIT, sleep
	ldr	x3, [x7, #ENTRY_RECEIPT_TICKS]
	bl	wait
	mov	x3, #0
	b	home
	.ltorg

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The return contract, natively: where CPUs come home, and where they wait.
 *
 * home: at EL2 or EL1, MMU and data cache off, DAIF masked; registers, vectors
 * and tables are those of the kernel that the CPU has just left.
 */
#include "params.h"

	.section .text.home, "ax"
	.globl	home
home:
	msr	daifset, #0xf
	ldr	x4, =vectors
	mrs	x0, CurrentEL
	cmp	x0, #2 << 2
	b.ne	1f
	mov	x0, #1 << 31			/* RW; E2H and TGE off before anything else */
	msr	hcr_el2, x0
	isb
	msr	vbar_el2, x4
	ldr	w0, =0x30c50830			/* RES1 bits: MMU and caches off */
	msr	sctlr_el2, x0
	ldr	w0, =0x30d00800
	msr	sctlr_el1, x0			/* nobody walks the kernel's tables any more */
	msr	vttbr_el2, xzr
	b	2f
1:	msr	vbar_el1, x4
2:	isb
	mrs	x1, mpidr_el1
	ldr	x2, =0xff00ffffff
	and	x1, x1, x2			/* Aff3..Aff0 */
	ldr	x0, =VENDOR_PARAMS + ENTRIES_OFFSET
3:	ldr	x2, [x0, #ENTRY_MPIDR]
	cmp	x2, x1
	add	x0, x0, #ENTRY_SIZE
	b.ne	3b
	sub	x0, x0, #ENTRY_SIZE
	ldr	w1, [x0, #ENTRY_FLAGS]
	tbnz	w1, #FLAG_NO_RECEIPT_BIT, sleep
	ldr	x3, [x0, #ENTRY_RECEIPT_TICKS]
	cbz	x3, 4f
	bl	wait
4:	ldr	x1, [x0, #ENTRY_WORD]
	dsb	sy
	str	xzr, [x1]			/* the receipt; from here on a release is heard */
	dsb	sy
	sev

/* in: x0 = this CPU's entry. 0 and 1 are no addresses. */
	.globl	park
park:
	ldr	x1, [x0, #ENTRY_WORD]
5:	ldr	x2, [x1]
	cmp	x2, #1
	b.hi	6f
	wfe
	b	5b
6:	ic	iallu				/* another kernel may lie where this CPU last was */
	dsb	nsh
	isb
	b	leave

/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions at EL2 that are not calls. */
#include <resident.h>

/*
 * unexpected: something trapped to EL2 although the pen asks for no trap.
 * Without the pen the kernel would have met an Undefined exception at its own
 * level, or none at all; give it the former, and write down what it was.
 * In:       LR of the kernel at [sp]; x30 free. State: EL2, MMU off, masked.
 * Out:      by ERET to the kernel's vector, every register as it was.
 */
	.section .text.unexpected, "ax"
	.globl	unexpected
unexpected:
	stp	x0, x1, [sp, #-16]!
	mrs	x30, tpidr_el2
	mrs	x0, esr_el2
	mrs	x1, elr_el2
	stp	x0, x1, [x30, #SLOT_TRAP_SYNDROME]
	msr	elr_el1, x1
	mrs	x0, spsr_el2
	msr	spsr_el1, x0
	mov	x1, #(1 << 25)			// EC 0 (unknown reason), IL
	msr	esr_el1, x1
	/* Vector offset: 0x000 EL1t, 0x200 EL1h, 0x400 EL0 AArch64, 0x600 EL0 AArch32. */
	mov	x1, #0x600
	tbnz	x0, #4, 1f
	mov	x1, #0x400
	tst	x0, #0xc
	b.eq	1f
	ubfiz	x1, x0, #9, #1
1:	mrs	x0, vbar_el1
	add	x0, x0, x1
	msr	elr_el2, x0
	mov	x0, #0x3c5			// EL1h, DAIF masked
	msr	spsr_el2, x0
	ldp	x0, x1, [sp], #16
	ldr	x30, [sp], #16
	eret
	dsb	nsh
	isb

/*
 * died: an exception inside the pen. Nothing that the CPU holds can be trusted
 * any more, so it stays in reserved memory for good and says why.
 */
	.section .text.died, "ax"
	.globl	died
died:
	mrs	x30, CurrentEL
	tbz	x30, #3, stay			// EL1: the registers below are EL2's
	mrs	x30, tpidr_el2
	cbz	x30, stay			// not even the slot was known yet
	mrs	x0, esr_el2
	mrs	x1, elr_el2
	stp	x0, x1, [x30, #SLOT_TRAP_SYNDROME]
	dmb	sy
	mov	w0, #STATE_DEAD
	str	w0, [x30, #SLOT_STATE]
	b	stay

/*
 * stay: parked for ever, in reserved memory. WFI may end for any reason (a
 * pending interrupt ends it although it is masked), so it is in a loop.
 */
	.globl	stay
stay:
	dsb	sy
1:	wfi
	b	1b

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EL2 vectors. A kernel at EL1 reaches the pen in one way, HVC #0; every other
 * way in is either a trap that the pen did not ask for (given back to the
 * kernel as an Undefined exception) or a fault of the pen itself.
 */
#include <resident.h>

	.macro	vector offset, target
	.org	vectors + \offset
	b	\target
	.endm

	.section .vectors, "ax"
	.globl	vectors
vectors:
	.irp	offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380
	vector	\offset, died
	.endr

/*
 * Synchronous exception from EL1 or EL0, AArch64.
 * In:       x0 function, x1-x3 arguments; SP_EL2 = this CPU's stack, empty.
 * Out:      x0 result. x1-x3 clobbered, x4-x30 kept (SMCCC 1.1, 2.6): the C code
 *           is compiled with x4-x17 call-saved, so only LR is ours to keep.
 * State:    EL2, MMU and caches off, all interrupts masked.
 */
	.org	vectors + 0x400
	str	x30, [sp, #-16]!
	mrs	x30, esr_el2
	lsr	x30, x30, #26
	cmp	x30, #0x16			// EC: HVC from AArch64
	b.ne	unexpected
	bl	psci_call
	ldr	x30, [sp], #16
	eret
	/* ERET may be speculated past; give it nothing to run into. */
	dsb	nsh
	isb

	.irp	offset, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
	vector	\offset, died
	.endr

	.org	vectors + RESIDENT_ARRIVE
	b	arrive
	.org	vectors + RESIDENT_ADOPT
	b	adopt
	.org	vectors + 0x800

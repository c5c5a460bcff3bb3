/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EL2 vectors. A kernel at EL1 reaches the pen in one way, HVC #0; every other
 * way in is either a trap that the pen did not ask for (given back to the
 * kernel as an Undefined exception) or a fault of the pen itself.
 */
#include <resident.h>

	/* resident.lds puts .vector.<number> at <number> * 0x80, with other code between. */
	.macro	unwanted, number
	.section .vector.\number, "ax"
	b	died
	.endm

	.globl	vectors
	.section .vector.0, "ax"
vectors:
	.irp	number, 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15
	unwanted \number
	.endr

/*
 * Synchronous exception from EL1 or EL0, AArch64.
 * In:       x0 function, x1-x3 arguments; SP_EL2 = this CPU's stack, empty.
 * Out:      x0 result. x1-x3 clobbered, x4-x30 kept (SMCCC 1.1, 2.6): the C code
 *           is compiled with x4-x17 call-saved, so only LR is ours to keep.
 * State:    EL2, MMU and caches off, all interrupts masked.
 */
	.section .vector.8, "ax"
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

	.section .doors, "ax"
	b	arrive
	b	adopt
	b	come_home

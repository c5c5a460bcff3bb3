/* SPDX-License-Identifier: BSD-2-Clause */
	.section .text.home, "ax"
	.globl	home, park
	.balign	0x800
vectors: .fill	512, 4, 0x14000000	// 512 times "b .": whoever comes here stays, without a receipt
home:	mrs	x4, CurrentEL		// cpu-return-addr. In: R3 and R4, so x0-x3 = 0. Uses x4 to x7
	adr	x5, vectors
	mov	w6, #0x0830		// SCTLR_EL2: nothing but RES1 bits, so little-endian (F2)
	movk	w6, #0x30c5, lsl #16
	tbz	x4, #3, 1f		// entered at EL1: its own level is all there is to clear
	mov	x7, #1 << 31		// RW. First, because E2H changes what the others mean (F4)
	msr	hcr_el2, x7
	isb
	msr	sctlr_el2, x6
	msr	vbar_el2, x5
	msr	vttbr_el2, xzr
1:	orr	w6, w6, #1 << 20	// a RES1 bit of SCTLR_EL1
	msr	sctlr_el1, x6		// MMU off: no table is walked any more (F4)
	msr	vbar_el1, x5		// F3
	isb
	mrs	x6, mpidr_el1
	bfi	x6, xzr, #24, #8	// Aff3 to Aff0
	adr	x4, slots - 256
2:	add	x4, x4, #256		// a slot: release word, MPIDR, nothing else (T4)
	ldr	x5, [x4, #8]
	tbnz	x5, #63, .		// behind the last slot: not a CPU of this table
	cmp	x5, x6
	b.ne	2b
	dsb	sy
	str	xzr, [x4]		// the receipt, and the loop is armed (F5)
	dsb	sy
	sev				// for those who wait, and for our own first WFE
park:	wfe				// x4 = slot. At first boot SEVL, then here, x0-x3 = 0
	ldr	x5, [x4]
	cmp	x5, #1			// neither 0 nor 1 is a release (S5)
	b.ls	park
	ic	iallu			// another kernel may be where this CPU last was (S4)
	dsb	nsh
	isb
	br	x5			// the word keeps the address (W4)

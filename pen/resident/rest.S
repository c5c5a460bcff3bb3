/* SPDX-License-Identifier: BSD-2-Clause */
/* Putting EL1 to rest when a CPU comes home. */
#include <resident.h>
#include <sysregs.h>

/*
 * rest_el1: after this nothing that the last kernel set up can act any more:
 * no table walk (contract, F4), no timer or counter interrupt, and no
 * profiling or trace buffer that would go on writing to the kernel's memory.
 * In:       nothing. Out: nothing. Clobbers: x0, x1, flags.
 * State:    EL2, HCR_EL2.E2H = 0, MMU off. No stack.
 */
	.section .text.rest_el1, "ax"
	.globl	rest_el1
rest_el1:
	mov	w0, #SCTLR_EL1_REST & 0xffff
	movk	w0, #SCTLR_EL1_REST >> 16, lsl #16
	msr	sctlr_el1, x0
	msr	vttbr_el2, xzr
	msr	cntv_ctl_el0, xzr
	msr	cntp_ctl_el0, xzr
	msr	cntkctl_el1, xzr		// Linux' own event stream among it
	msr	mdscr_el1, xzr
	mrs	x1, id_aa64dfr0_el1

	ubfx	x0, x1, #8, #4			// PMUVer; 0xf: not the architected PMU
	cbz	x0, 1f
	cmp	x0, #0xf
	b.eq	1f
	msr	pmcr_el0, xzr
	mov	w0, #-1
	msr	pmcntenclr_el0, x0
	msr	pmintenclr_el1, x0
	msr	pmovsclr_el0, x0
1:	b	rest_buffers

/*
 * rest_buffers: the second half; two halves because each fits between vectors.
 * A buffer that EL3 keeps for itself or for the secure side (P) is not touched: it
 * traps there, and a firmware that knows a spin-table only has no handler. Nor
 * can it be writing for a kernel. SVCR traps to us by CPTR_EL2.TSM, which nobody
 * has cleared on a CPU that comes from the firmware: it is UNKNOWN at reset.
 * In:       x1 ID_AA64DFR0_EL1. Out, clobbers, state: as rest_el1.
 */
	.section .text.rest_buffers, "ax"
rest_buffers:
	ubfx	x0, x1, #32, #4			// PMSVer
	cbz	x0, 2f
	mrs	x0, PMBIDR_EL1
	tbnz	x0, #BUFFER_IS_ANOTHERS, 2f
	msr	PMSCR_EL1, xzr
	isb
	psb_csync
	dsb	nsh
	msr	PMBLIMITR_EL1, xzr
2:
	ubfx	x0, x1, #44, #4			// TraceBuffer
	cbz	x0, 3f
	mrs	x0, TRBIDR_EL1
	tbnz	x0, #BUFFER_IS_ANOTHERS, 3f
	msr	TRFCR_EL1, xzr
	isb
	tsb_csync
	dsb	nsh
	msr	TRBLIMITR_EL1, xzr
3:
	mrs	x0, id_aa64pfr1_el1
	ubfx	x0, x0, #24, #4			// SME
	cbz	x0, 4f
	mrs	x0, cptr_el2
	bic	x0, x0, #1 << 12		// TSM
	msr	cptr_el2, x0
	isb
	msr	SVCR, xzr			// out of streaming mode, ZA off
4:
	isb
	tlbi	alle1
	dsb	nsh
	isb
	ret

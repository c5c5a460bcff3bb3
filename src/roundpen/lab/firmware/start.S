/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vendor firmware's entry and its spin-table.
 *
 * Every CPU comes here at once: EL3, MMU and caches off, pc = 0 (flash). The
 * same file also lies in RAM at its link address, because flash is secure
 * memory and the spin loop runs in the non-secure world.
 */
#include "params.h"

	.section .text.start, "ax"
	.globl	_start
_start:
	ldr	x9, =in_ram
	br	x9
	.ltorg

	.text
/*
 * in: nothing. EL3, MMU off. Looks the CPU up in the parameter block.
 * A CPU without an entry sleeps: the host left it out on purpose.
 */
in_ram:
	msr	daifset, #0xf
	adrp	x9, vectors
	add	x9, x9, :lo12:vectors
	msr	vbar_el3, x9
	mrs	x9, mpidr_el1
	ldr	x10, =0xff00ffffff
	and	x9, x9, x10			/* Aff3..Aff0 */
	ldr	x10, =VENDOR_PARAMS
	ldr	w11, [x10, #PARAMS_CPU_COUNT]
	add	x19, x10, #ENTRIES_OFFSET
	mov	x20, #0
1:	cmp	x20, x11
	b.hs	sleep
	ldr	x12, [x19, #ENTRY_MPIDR]
	cmp	x12, x9
	b.eq	2f
	add	x19, x19, #ENTRY_SIZE
	add	x20, x20, #1
	b	1b
2:	ldr	x10, =stacks
	add	x11, x20, #1
	mov	x12, #STACK_SIZE
	madd	x10, x11, x12, x10
	mov	sp, x10
	mov	x0, x19
	mov	x1, x20
	bl	el3_prepare			/* x0 = SPSR for the handover */
	msr	spsr_el3, x0
	cbz	x20, 3f
	adrp	x9, spin
	add	x9, x9, :lo12:spin
	msr	elr_el3, x9
	mov	x0, x19
	eret
3:	ldr	x10, =VENDOR_PARAMS
	ldr	x9, [x10, #PARAMS_IMAGE]
	msr	elr_el3, x9
	ldr	x0, [x10, #PARAMS_TREE]
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	eret

/*
 * in: x0 = this CPU's entry. EL2 or EL1 non-secure, MMU off, DAIF masked.
 * The loop that boards have: it never clears the word, so a CPU that comes
 * back here leaves again at once. A board may misalign a word: without an MMU
 * no single load would do. A CPU that can come back waits in home.S instead; if
 * it is to be late, it goes there when its first release has been seen here.
 */
	.globl	spin
spin:
	ldr	w1, [x0, #ENTRY_FLAGS]
	tbnz	w1, #FLAG_ABSENT_BIT, sleep
	tbz	w1, #FLAG_RETURNS_BIT, 1f
	ldr	x3, [x0, #ENTRY_TICKS]
	cbz	x3, settle
1:	ldr	x1, [x0, #ENTRY_WORD]
2:	wfe
	ldp	w2, w3, [x1]
	orr	x2, x2, x3, lsl #32
	cbz	x2, 2b
	ldr	x3, [x0, #ENTRY_TICKS]
	cbz	x3, 3f
	bl	wait
3:	ldr	w1, [x0, #ENTRY_FLAGS]
	tbnz	w1, #FLAG_RETURNS_BIT, settle
	mov	x4, x2
	mov	x0, #0
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	br	x4

/* in: x0 = this CPU's entry. Out: to park, whose slot begins with the word. */
settle:
	ldr	x4, [x0, #ENTRY_WORD]
	mov	x0, #0
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	sevl
	b	park

/* in: x3 = ticks to let pass. Clobbers x4, x5. */
	.globl	wait
wait:
	isb
	mrs	x4, cntpct_el0
1:	yield
	isb
	mrs	x5, cntpct_el0
	sub	x5, x5, x4
	cmp	x5, x3
	b.lo	1b
	ret

	.globl	sleep
sleep:
	wfi
	b	sleep

/* Any exception in this firmware is a mistake in it: stop where a debugger sees it. */
	.balign	0x800
	.globl	vectors
vectors:
	.rept	16
	.balign	0x80
	b	.
	.endr

	.bss
	.balign	16
stacks:
	.space	STACK_SIZE * (CPU_MAX + 1)

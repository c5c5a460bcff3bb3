/* SPDX-License-Identifier: BSD-2-Clause */
/* The way in, the park loop, the way out. */
#include <resident.h>

	/* MPIDR_AFFINITY is no bitmask immediate; its two halves are. */
	.macro	own_affinity, reg
	mrs	\reg, mpidr_el1
	and	\reg, \reg, #0xffffffffff
	and	\reg, \reg, #~0xff000000
	.endm

/*
 * arrive: where every release word points from the gather on, for ever: a CPU
 * that comes early, late, or without being in the tree finds reserved memory.
 * In:       from the firmware, nothing but the program counter.
 * Out:      does not return; parks.
 * State:    any exception level (so no system register of a level before the
 *           level is known), MMU and data cache off, no stack, no vectors.
 */
	.section .text.arrive, "ax"
	.globl	arrive
arrive:
	msr	daifset, #0xf
	own_affinity x0
	bl	find_slot
	cbz	x0, 2f
	mov	x19, x0
	adr	x20, logbook
	mrs	x1, CurrentEL
	ldr	w2, [x20, #LOG_ENTRY_LEVEL]
	cmp	w2, w1, lsr #2
	b.ne	3f
	bl	take_over
	mrs	x0, cntpct_el0
	str	x0, [x19, #SLOT_ARRIVED_AT]
	str	x0, [x19, #SLOT_EVENT_AT]
	bl	rest_el1
	/*
	 * OFF first, the bar second. boot/ raises the bar first and reads the
	 * state second, so at least one side sees the other: a CPU that the
	 * tree calls failed never looks OFF for good.
	 */
	dsb	sy
	mov	w0, #STATE_OFF
	str	w0, [x19, #SLOT_STATE]
	dsb	sy
	ldr	w0, [x19, #SLOT_BARRED]
	cbz	w0, 1f
	mov	w0, #STATE_FAILED
	str	w0, [x19, #SLOT_STATE]
	b	stay
1:	b	park
2:	/* Not in the tree. Several may count at once and lose one: it is a hint. */
	adr	x20, logbook
	ldr	w0, [x20, #LOG_STRANGERS]
	add	w0, w0, #1
	str	w0, [x20, #LOG_STRANGERS]
	b	stay
3:	mov	w0, #STATE_WRONG_LEVEL
	str	w0, [x19, #SLOT_STATE]
	b	stay

/*
 * adopt: the boot CPU comes in by the same loop as everybody else; boot/ has
 * already released it to the kernel (state ON_PENDING).
 * In:       nothing. Out: does not return. State: EL2, MMU and caches off.
 */
	.section .text.adopt, "ax"
	.globl	adopt
adopt:
	own_affinity x0
	bl	find_slot
	mov	x19, x0
	bl	take_over
	b	park

/*
 * take_over: make EL2 of this CPU the pen's: little endian, MMU off, its own
 * vectors and slot.
 * In:       x19 slot. Out: TPIDR_EL2 = slot. Clobbers: x0.
 */
	.section .text.take_over, "ax"
take_over:
	mov	x0, #1 << 31			// RW; E2H and TGE off before anything else
	msr	hcr_el2, x0
	isb
	mov	w0, #SCTLR_EL2_REST & 0xffff
	movk	w0, #SCTLR_EL2_REST >> 16, lsl #16
	msr	sctlr_el2, x0
	adr	x0, vectors
	msr	vbar_el2, x0
	msr	tpidr_el2, x19
	msr	spsel, #1
	isb
	ret

/*
 * retire: the second half of CPU_OFF. The receipt and the arming of the loop
 * are one store (contract, Return, 4): once the word reads 0 a release can be
 * heard, because the loop reads before it sleeps. Only then does the state say
 * OFF, which is what permits a CPU_ON: armed first, published last.
 * In:       nothing; comes by branch from C. Out: does not return.
 * State:    EL2, masked, state OFF_PENDING; SP is abandoned.
 */
	.section .text.retire, "ax"
	.globl	retire
retire:
	bl	rest_el1
	mrs	x19, tpidr_el2
	ldr	x1, [x19, #SLOT_RETURNED]
	add	x1, x1, #1
	str	x1, [x19, #SLOT_RETURNED]
	mrs	x1, cntpct_el0
	str	x1, [x19, #SLOT_EVENT_AT]
	dsb	sy
	str	xzr, [x19, #SLOT_RELEASE]
	dsb	sy
	mov	w0, #STATE_OFF
	str	w0, [x19, #SLOT_STATE]
	dsb	sy
	sev
	b	park

/*
 * park: wait for a release. Read, then sleep: a release between the two leaves
 * the event register set (SEV follows the store and its DSB), so WFE falls
 * through and the next read sees it. Any other wake-up reads 0 and sleeps on.
 * In:       TPIDR_EL2 slot. Out: to leave, entry address in x0, an empty stack.
 */
#if STACK_SIZE * 4 != SLOT_SIZE * 3
#error "the stacks are not three quarters of a slot apart"
#endif
	.section .text.park, "ax"
	.globl	park, park_poll
park:
	mrs	x19, tpidr_el2
	adr	x1, slots
	sub	x1, x19, x1			// slot number * SLOT_SIZE
	sub	x1, x1, x1, lsr #2		// slot number * STACK_SIZE
	adr	x0, first_stack_top
	add	x0, x0, x1
	mov	sp, x0
park_poll:
	ldr	x0, [x19, #SLOT_RELEASE]
	cbnz	x0, leave
	wfe
	b	park_poll

/*
 * leave: hand the CPU to a kernel at EL1.
 * In:       x0 entry (physical), x19 slot. Out: by ERET; x0 = context, x1-x3 = 0,
 *           EL1h, DAIF masked, MMU and caches off.
 * The word is emptied before the state says ON: only a CPU that is ON can call
 * CPU_OFF, so nobody can take this release for the next one.
 */
	.section .text.leave, "ax"
leave:
	dmb	sy				// context is older than the word
	msr	elr_el2, x0
	mov	x0, #0x3c5			// EL1h, DAIF masked
	msr	spsr_el2, x0
	bl	open_el1
	ldr	x1, [x19, #SLOT_RELEASED]
	add	x1, x1, #1
	str	x1, [x19, #SLOT_RELEASED]
	mrs	x1, cntpct_el0
	str	x1, [x19, #SLOT_EVENT_AT]
	ldr	x0, [x19, #SLOT_CONTEXT]
	str	xzr, [x19, #SLOT_RELEASE]
	dsb	sy
	mov	w1, #STATE_ON
	str	w1, [x19, #SLOT_STATE]
	/*
	 * Another kernel's text may stand where this CPU last fetched; a CPU
	 * that was powered off would come back with an empty instruction cache.
	 */
	ic	iallu
	dsb	nsh
	isb
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	eret
	dsb	nsh
	isb

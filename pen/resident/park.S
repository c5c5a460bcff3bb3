/* SPDX-License-Identifier: BSD-2-Clause */
/* The way in, the park loop, the way out. */
#include <resident.h>

	/* EL2 has the physical counter for sure; below, somebody may keep it. */
	.macro	count, reg, spare
	mrs	\spare, CurrentEL
	tbz	\spare, #3, 7001f
	mrs	\reg, cntpct_el0
	b	7002f
7001:	mrs	\reg, cntvct_el0
7002:
	.endm

	/* Aff3 to Aff0: what is above them is RES0, what is between them goes. */
	.macro	own_affinity, reg
	mrs	\reg, mpidr_el1
	bfi	\reg, xzr, #24, #8
	.endm

/*
 * arrive: where every release word points from the gather on, for ever: a CPU
 * that comes early, late, or without being in the tree finds reserved memory.
 * In:       from the firmware, nothing but the program counter.
 * Out:      does not return; parks.
 * State:    any exception level (so no system register of a level before the
 *           level is known), MMU and data cache off, no stack, no vectors.
 * What this CPU may have fetched from here before the pen stood here goes first:
 * boot/ has told all CPUs of the domain, and this one need not have been in it yet.
 */
	.section .text.arrive, "ax"
	.globl	arrive
arrive:
	msr	daifset, #0xf
	ic	iallu
	dsb	nsh
	isb
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
	count	x0, x1
	str	x0, [x19, #SLOT_ARRIVED_AT]
	str	x0, [x19, #SLOT_EVENT_AT]
	mrs	x1, CurrentEL
	tbz	x1, #3, 4f			// EL1: take_over did all there is
	bl	rest_el1
4:
	/*
	 * OFF first, the bar second. boot/ raises the bar first and reads the
	 * state second, so at least one side sees the other: a CPU that the
	 * tree calls failed is barred. It may still look OFF, if it arrived just
	 * before the bar was raised: whoever reads the state asks for the bar too.
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
3:	b	wrong_level

	/* x19 slot: out of service, and the logbook says why. */
	.section .text.wrong_level, "ax"
wrong_level:
	mov	w0, #STATE_WRONG_LEVEL
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
	bl	rest_el1			// whatever the loader left there
	b	park

/*
 * come_home: cpu-return-addr. A CPU whose kernel was offered `return` comes back
 * (contract, F1 to F5, F7). At another level than the one it was handed out at it
 * gets no receipt: what the kernel left behind at the other is still there.
 * In:       nothing. Out: does not return.
 * State:    MMU and data cache off; no stack; VBAR of this level still points
 *           into the old kernel and EE may be set, by a big-endian kernel: nothing may
 *           fault, and nothing may be loaded, before take_over (F2, F3).
 */
	.section .text.come_home, "ax"
	.globl	come_home
come_home:
	msr	daifset, #0xf
	mov	x19, #0
	bl	take_over
	own_affinity x0
	bl	find_slot
	cbz	x0, stay
	mov	x19, x0
	adr	x20, logbook
	mrs	x1, CurrentEL
	ldr	w2, [x20, #LOG_ENTRY_LEVEL]
	cmp	w2, w1, lsr #2
	b.ne	wrong_level
	tbz	x1, #3, 1f
	msr	tpidr_el2, x19
1:	b	receipt

/*
 * take_over: make this level of this CPU the pen's: little endian, MMU off, its
 * own vectors; and no translation left of whoever ran at EL1 (contract, F2 to F4).
 * The last DSB is the caller's: it has one before anybody is told anything.
 * In:       x19 slot, 0: not known yet. Out: at EL2, TPIDR_EL2 = x19.
 * Clobbers: x0. Keeps x1.
 */
	.section .text.take_over, "ax"
take_over:
	mrs	x0, CurrentEL
	tbz	x0, #3, take_over_el1
	mov	x0, #1 << 31			// RW; E2H and TGE off before anything else
	msr	hcr_el2, x0
	isb
	mov	w0, #SCTLR_EL2_PEN & 0xffff
	movk	w0, #SCTLR_EL2_PEN >> 16, lsl #16
	msr	sctlr_el2, x0
	orr	w0, w0, #SCTLR_EL1_PEN & ~SCTLR_EL2_PEN
	msr	sctlr_el1, x0			// RES1 of both: MMU off; leave makes it EL1's own
	msr	vttbr_el2, xzr
	adr	x0, vectors
	msr	vbar_el2, x0
	msr	tpidr_el2, x19
	msr	spsel, #1
	isb
	tlbi	alle1
	ret

	.section .text.take_over_el1, "ax"
take_over_el1:
	mov	w0, #SCTLR_EL1_PEN & 0xffff
	movk	w0, #SCTLR_EL1_PEN >> 16, lsl #16
	msr	sctlr_el1, x0
	adr	x0, vectors
	msr	vbar_el1, x0
	msr	spsel, #1
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	ret

/*
 * retire: the second half of CPU_OFF.
 * In:       nothing; comes by branch from C. Out: does not return.
 * State:    EL2, masked, state OFF_PENDING; SP is abandoned.
 */
	.section .text.retire, "ax"
	.globl	retire
retire:
	bl	rest_el1
	mrs	x19, tpidr_el2
	b	receipt

/*
 * receipt: the CPU is in reserved memory and holds nothing of the old kernel.
 * The receipt and the arming of the loop are one store (contract, F5):
 * once the word reads 0 a release can be heard, because the loop reads before
 * it sleeps. Only then does the state say OFF, which is what permits a CPU_ON:
 * armed first, published last.
 * In:       x19 slot. Out: does not return. State: EL2 or EL1, masked.
 */
	.section .text.receipt, "ax"
receipt:
	ldr	x1, [x19, #SLOT_RETURNED]
	add	x1, x1, #1
	str	x1, [x19, #SLOT_RETURNED]
	count	x1, x0
	str	x1, [x19, #SLOT_EVENT_AT]
	dsb	sy
	.globl	receipt_given
receipt_given:
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
 * through and the next read sees it. Any other wake-up reads 0 and sleeps on;
 * so does 1, which is the CPU's own kernel saying "returning", never a release.
 * SEV has to reach every CPU that it is for, and between clusters that is a matter
 * of the wires of the chip: the counter's event stream (Arm ARM, "The Generic
 * Timer", event streams) makes of an event that was lost a delay.
 * In:       x19 slot. Out: to leave, entry address in x0, an empty stack.
 */
#if STACK_SIZE * 4 != SLOT_SIZE * 3
#error "the stacks are not three quarters of a slot apart"
#endif
	.section .text.park, "ax"
	.globl	park, park_poll
park:
	adr	x1, slots
	sub	x1, x19, x1			// slot number * SLOT_SIZE
	sub	x1, x1, x1, lsr #2		// slot number * STACK_SIZE
	adr	x0, first_stack_top
	add	x0, x0, x1
	mov	sp, x0
	mrs	x0, CurrentEL
	mov	x1, #EVENT_STREAM
	tbz	x0, #3, 1f
	msr	cnthctl_el2, x1
	b	park_poll
1:	msr	cntkctl_el1, x1
park_poll:
	ldr	x0, [x19, #SLOT_RELEASE]
	cmp	x0, #1
	b.hi	leave
	wfe
	b	park_poll

/*
 * leave: released. What that means depends on the offer.
 * In:       x0 entry (physical), x19 slot.
 */
	.section .text.leave, "ax"
leave:
	dmb	sy				// context is older than the word
	ldr	x1, [x19, #SLOT_RELEASED]
	add	x1, x1, #1
	str	x1, [x19, #SLOT_RELEASED]
	adr	x1, logbook
	ldr	w1, [x1, #LOG_OFFER]
	cmp	w1, #OFFER_PSCI
	b.eq	leave_to_el1
	b	leave_as_it_came

/*
 * leave_as_it_came: offer `return`: out at the level of arrival, by a branch. The
 * word keeps the entry: a 0 in it would be a receipt. The CPU is not asked for
 * anything else, so EL2 is the kernel's to set up, as on the first boot.
 * In:       x0 entry (physical), x19 slot. Out: x0-x3 = 0, DAIF masked, MMU and
 *           caches off, no event stream.
 */
	.section .text.leave_as_it_came, "ax"
leave_as_it_came:
	mov	x20, x0
	mrs	x1, CurrentEL
	mov	w0, #SCTLR_EL1_REST & 0xffff
	movk	w0, #SCTLR_EL1_REST >> 16, lsl #16
	msr	sctlr_el1, x0
	tbz	x1, #3, 1f
	mov	w0, #SCTLR_EL2_REST & 0xffff
	movk	w0, #SCTLR_EL2_REST >> 16, lsl #16
	msr	sctlr_el2, x0
	mov	x0, #CNTHCTL_OPEN
	msr	cnthctl_el2, x0
	b	2f
1:	msr	cntkctl_el1, xzr
2:
	count	x1, x2
	str	x1, [x19, #SLOT_EVENT_AT]
	mov	w1, #STATE_ON
	str	w1, [x19, #SLOT_STATE]
	ic	iallu
	dsb	sy
	isb
	mov	x0, #0
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	br	x20

/*
 * leave_to_el1: offer `psci`: hand the CPU to a kernel at EL1.
 * In:       x0 entry (physical), x19 slot. Out: by ERET; x0 = context, x1-x3 = 0,
 *           EL1h, DAIF masked, MMU and caches off.
 * The word is emptied before the state says ON: only a CPU that is ON can call
 * CPU_OFF, so nobody can take this release for the next one.
 */
	.section .text.leave_to_el1, "ax"
leave_to_el1:
	msr	elr_el2, x0
	mov	x0, #0x3c5			// EL1h, DAIF masked
	msr	spsr_el2, x0
	bl	open_el1
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

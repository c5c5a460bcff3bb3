/* SPDX-License-Identifier: BSD-2-Clause */
/* The arm64 Image header (booting.rst, "Call the kernel image"), the descriptor, the entry. */
#include <resident.h>

	.section .head, "ax"
	.globl	image_start
image_start:
	b	entry				// code0
	nop					// code1
	.quad	WRAPPED_TEXT_OFFSET		// text_offset
	.quad	image_footprint_end - image_start			// wrap writes the whole
	.quad	0xa				// flags: little endian, 4 KiB, anywhere
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0				// no PE header: an EFI entry is lost

	.org	image_start + DESCRIPTOR_OFFSET
	.globl	image_descriptor
image_descriptor:
	.quad	DESCRIPTOR_MAGIC
	.long	DESCRIPTOR_VERSION
	.long	OFFER_PSCI
	.quad	0, 0, 0, 0			// payload_*: wrap writes them
	.quad	image_end - image_start	// pen_size
	.quad	image_footprint_end - image_start	// pen_footprint
	.org	image_descriptor + DESCRIPTOR_SIZE

/*
 * entry: from the boot loader, or from a kernel by kexec.
 * In:       x0 physical address of the tree. Out: does not return.
 * State:    EL2 or EL1 (EL3 is passed on), MMU and data cache off. The instruction
 *           cache may be on or off (booting.rst); here it is on from now on, and
 *           what it may hold of an earlier program at these addresses goes first.
 */
entry:
	msr	daifset, #0xf
	ic	iallu
	dsb	nsh
	isb
	mov	x19, x0
	mrs	x20, CurrentEL
	lsr	x20, x20, #2
	adr	x0, vectors
	cmp	x20, #2
	b.hi	2f
	b.lo	1f
	mrs	x21, vbar_el2
	msr	vbar_el2, x0
	ldr	w1, =SCTLR_EL2_PEN
	msr	sctlr_el2, x1
	b	2f
1:	mrs	x21, vbar_el1
	msr	vbar_el1, x0
	ldr	w1, =SCTLR_EL1_PEN
	msr	sctlr_el1, x1
2:	isb
	msr	spsel, #1
	bl	clear_bss
	adr	x0, received_vbar
	str	x21, [x0]
	adr	x0, stack_top
	mov	sp, x0
	mov	x0, x19
	adr	x1, image_start
	mov	x2, x20
	bl	boot_main
	b	.

/*
 * clear_bss: the loader owes us clean caches for the bytes of the file only.
 * Behind them dirty lines of an earlier program may wait to be evicted over
 * what we write: clean and invalidate them before the first store.
 * Clobbers: x0-x4. No stack yet.
 */
clear_bss:
	adr	x0, image_end
	adr	x1, image_footprint_end
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4
	mov	x3, #4
	lsl	x3, x3, x2			// bytes in a data cache line
	sub	x2, x3, #1
	bic	x4, x0, x2
1:	dc	civac, x4
	add	x4, x4, x3
	cmp	x4, x1
	b.lo	1b
	dsb	sy
2:	cmp	x0, x1
	b.hs	3f
	str	xzr, [x0], #8
	b	2b
3:	ret

/*
 * enter_kernel: hand over at the level of entry, as if we had not been there.
 * In:       x0 tree, x1 kernel. Out: does not return.
 */
	.globl	enter_kernel
enter_kernel:
	mov	x4, x1
	adr	x1, received_vbar
	ldr	x1, [x1]
	mrs	x2, CurrentEL
	cmp	x2, #2 << 2
	b.hi	2f
	b.lo	1f
	msr	vbar_el2, x1
	ldr	w1, =SCTLR_EL2_REST
	msr	sctlr_el2, x1
	b	2f
1:	msr	vbar_el1, x1
	ldr	w1, =SCTLR_EL1_REST
	msr	sctlr_el1, x1
2:	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	ic	iallu
	dsb	sy
	isb
	br	x4

/*
 * make_way: what enter_kernel does, after moving the kernel down over this very
 * program. Runs from a copy of itself behind the kernel's file: no address of
 * its own, no literals, no stack, no call. Our vectors are overwritten, so the
 * received ones are back before the first store.
 * In:       x0 tree, x1 kernel, x2 where it stands (above x1, the same modulo 8),
 *           x3 its bytes, x4 the VBAR that was received. Out: does not return.
 * Clobbers: x2-x8. State: EL2 or EL1 (EL3 is passed on), MMU and data cache off.
 */
	.globl	make_way
make_way:
	mrs	x8, CurrentEL
	cmp	x8, #2 << 2
	b.hi	2f
	b.lo	1f
	msr	vbar_el2, x4
	b	2f
1:	msr	vbar_el1, x4
2:	isb
	mov	x4, x1
	add	x5, x1, x3
3:	ldr	x6, [x2], #8
	str	x6, [x4], #8
	cmp	x4, x5
	b.lo	3b
	// As after every move (place.c): no line fetched meanwhile may hide it.
	mrs	x6, ctr_el0
	ubfx	x6, x6, #16, #4
	mov	x7, #4
	lsl	x7, x7, x6			// bytes in a data cache line
	sub	x6, x7, #1
	bic	x4, x1, x6
	dsb	sy
4:	dc	civac, x4
	add	x4, x4, x7
	cmp	x4, x5
	b.lo	4b
	dsb	sy
	ic	ialluis
	mov	x4, x1
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	dsb	sy
	cmp	x8, #2 << 2
	b.hi	6f
	b.lo	5f
	mov	w6, #SCTLR_EL2_REST & 0xffff
	movk	w6, #SCTLR_EL2_REST >> 16, lsl #16
	msr	sctlr_el2, x6
	b	6f
5:	mov	w6, #SCTLR_EL1_REST & 0xffff
	movk	w6, #SCTLR_EL1_REST >> 16, lsl #16
	msr	sctlr_el1, x6
6:	isb
	br	x4
	.globl	make_way_end
make_way_end:

/*
 * enter_resident: leave boot/ for good.
 * In:       x0 door of the resident part. Out: does not return. State: EL2.
 */
	.globl	enter_resident
enter_resident:
	dsb	sy
	isb
	br	x0

/*
 * try_hvc: what does HVC do here?
 * In:       EL2. Out: x0 ESR_EL2 of the exception that it was: EC 0x16, or EC 0
 *           where SCR_EL3.HCE or HCR_EL2.HCD makes it UNDEFINED. The one leaves
 *           ELR behind the instruction, the other at it (Arm ARM, HVC).
 * Clobbers: x0-x3.
 */
	.globl	try_hvc
try_hvc:
	hvc	#0
hvc_answered:
	ret

/*
 * Vectors of boot/, at EL2 or EL1: a fault of ours, except for what try_hvc asks
 * for. Interrupts and SErrors are masked.
 */
	.macro	vector
	.balign	0x80
	b	fault
	.endm
	.balign	0x800
vectors:
	.rept	16
	vector
	.endr

/*
 * fault: to boot_fault, on an empty stack: nobody goes back to where it was.
 * Out:      boot_fault(ESR, ELR, FAR). Clobbers: x0-x3.
 */
fault:
	mrs	x0, CurrentEL
	tbz	x0, #3, 1f
	mrs	x0, esr_el2
	mrs	x1, elr_el2
	mrs	x2, far_el2
	adr	x3, try_hvc
	sub	x3, x1, x3
	cmp	x3, #4
	b.hi	2f
	adr	x3, hvc_answered
	msr	elr_el2, x3
	eret
	dsb	nsh
	isb
1:	mrs	x0, esr_el1
	mrs	x1, elr_el1
	mrs	x2, far_el1
2:	adr	x3, stack_top
	mov	sp, x3
	bl	boot_fault
	b	.

	.pool

	.bss
	.balign	8
	.globl	received_vbar
received_vbar:
	.quad	0

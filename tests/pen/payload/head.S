/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test kernel's entries: an arm64 Image that runs with the MMU off, at
 * whatever exception level and address it is given.
 */
#include "config.h"

	.section .head, "ax"
	.globl	image_start
image_start:
	b	start
	.long	0
	.quad	0				/* text_offset */
	.quad	image_size			/* of the linker script: bss and stacks, too */
	.quad	0xa				/* little-endian, 4 KiB pages, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
	.globl	config
config:
	.space	CONFIG_SIZE			/* the host writes it into the file */

	.text
/*
 * start: the boot CPU.
 * In:       x0 DTB; x1-x3 0. State: EL1 or EL2, MMU off, DAIF masked.
 */
start:
	adrp	x9, boot_stack_end
	add	x9, x9, :lo12:boot_stack_end
	mov	sp, x9
	stp	x0, x1, [sp, #-48]!
	stp	x2, x3, [sp, #16]
	/* Linked at 0: every absolute address in the image wants the load address added. */
	adrp	x9, image_start
	add	x9, x9, :lo12:image_start
	adrp	x10, rela_start
	add	x10, x10, :lo12:rela_start
	adrp	x11, rela_end
	add	x11, x11, :lo12:rela_end
1:	cmp	x10, x11
	b.hs	2f
	ldp	x12, x13, [x10], #16		/* offset; type: all are R_AARCH64_RELATIVE */
	ldr	x13, [x10], #8
	add	x13, x13, x9
	str	x13, [x9, x12]
	b	1b
2:	mov	x0, sp
	bl	set_vectors_asm
	mov	x0, sp
	b	boot_main

/*
 * set_vectors_asm: this level's VBAR = vectors. Clobbers x9, x10.
 */
	.globl	set_vectors_asm
set_vectors_asm:
	adrp	x9, vectors
	add	x9, x9, :lo12:vectors
	mrs	x10, CurrentEL
	cmp	x10, #8
	b.eq	1f
	msr	vbar_el1, x9
	isb
	ret
1:	msr	vbar_el2, x9
	isb
	ret

/*
 * secondary: where CPU_ON sends a CPU.
 * In:       x0 context, x1-x3 as the pen left them. No stack.
 * State:    EL1, MMU off. Finds its struct cpu by MPIDR: the context is under test.
 */
	.globl	secondary
secondary:
	mrs	x9, mpidr_el1
	ldr	x10, =0xff00ffffff
	and	x9, x9, x10
	adrp	x10, config
	add	x10, x10, :lo12:config
	ldr	w11, [x10, #CONFIG_CPU_COUNT]
	add	x10, x10, #CONFIG_MPIDR
	mov	x12, #0
1:	cmp	x12, x11
	b.hs	3f
	ldr	x13, [x10, x12, lsl #3]
	cmp	x13, x9
	b.eq	2f
	add	x12, x12, #1
	b	1b
2:	mov	x14, #CPU_STACK
	adrp	x13, cpu_stacks
	add	x13, x13, :lo12:cpu_stacks
	madd	x14, x12, x14, x13
	add	x14, x14, #CPU_STACK
	mov	sp, x14
	stp	x0, x1, [sp, #-48]!
	stp	x2, x3, [sp, #16]
	mov	x0, x12
	mov	x1, sp
	b	secondary_main
3:	wfi					/* unknown to the host: it will be missed */
	b	3b
	.ltorg

/*
 * enter_image: leave for another Image.
 * In:       x0 DTB, x1 its address.
 */
	.globl	enter_image
enter_image:
	mov	x9, x1
	mov	x1, #0
	mov	x2, #0
	mov	x3, #0
	br	x9

/*
 * semihost: a request to QEMU. In: x0 operation, x1 argument. Out: x0.
 */
	.globl	semihost
semihost:
	hlt	#0xf000
	ret

/*
 * hvc_call: x0-x3 in, x0 out, as the compiler's calling convention has it.
 */
	.globl	hvc_call
hvc_call:
	hvc	#0
	ret

/*
 * hvc_keep: call with every register filled, and store what comes back.
 * In:       x0 = u64 in[32 + 64]: x0-x30, one unused, v0-v31; x1 = the same for the
 *           results, with SP before, SP after, NZCV and DAIF behind them. Both 16-byte
 *           aligned: with the MMU off, memory is Device memory and takes nothing less.
 * FP has to be enabled.
 */
	.globl	hvc_keep
hvc_keep:
	stp	x19, x20, [sp, #-192]!
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	str	x1, [sp, #160]
	mov	x2, sp
	str	x2, [x1, #(32 + 64) * 8]
	add	x2, x0, #32 * 8
	.irp	n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
	ldr	q\n, [x2], #16
	.endr
	.irp	n, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
	ldr	q\n, [x2], #16
	.endr
	ldp	x2, x3, [x0, #16]
	ldp	x4, x5, [x0, #32]
	ldp	x6, x7, [x0, #48]
	ldp	x8, x9, [x0, #64]
	ldp	x10, x11, [x0, #80]
	ldp	x12, x13, [x0, #96]
	ldp	x14, x15, [x0, #112]
	ldp	x16, x17, [x0, #128]
	ldp	x18, x19, [x0, #144]
	ldp	x20, x21, [x0, #160]
	ldp	x22, x23, [x0, #176]
	ldp	x24, x25, [x0, #192]
	ldp	x26, x27, [x0, #208]
	ldp	x28, x29, [x0, #224]
	ldr	x30, [x0, #240]
	ldp	x0, x1, [x0]
	cmp	x4, x4				/* Z and C set, N and V clear */
	hvc	#0
	stp	x0, x1, [sp, #168]
	ldr	x0, [sp, #160]
	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	str	x30, [x0, #240]
	mrs	x3, nzcv
	mrs	x4, daif
	ldp	x1, x2, [sp, #168]
	stp	x1, x2, [x0]
	add	x2, x0, #32 * 8
	.irp	n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
	str	q\n, [x2], #16
	.endr
	.irp	n, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
	str	q\n, [x2], #16
	.endr
	mov	x1, sp
	str	x1, [x2, #8]
	str	x3, [x2, #16]
	str	x4, [x2, #24]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	ldp	x19, x20, [sp], #192
	ret

/*
 * Vectors: a probe's exception is noted and skipped, any other ends the run.
 */
	.macro	vector
	.balign	0x80
	sub	sp, sp, #192
	stp	x0, x1, [sp]
	b	exception
	.endm
	.balign	0x800
vectors:
	.rept	16
	vector
	.endr

exception:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x30, [sp, #144]
	bl	on_exception
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x30, [sp, #144]
	ldp	x0, x1, [sp]
	add	sp, sp, #192
	eret

	.bss
	.balign	16
boot_stack:
	.space	0x4000
boot_stack_end:
cpu_stacks:
	.space	CPU_STACK * CPU_MAX

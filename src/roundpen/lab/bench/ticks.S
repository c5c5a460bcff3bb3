/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program for the guest: prints CNTVCT_EL0 in hexadecimal. The counter goes on
 * across a kexec; the kernel's own clock starts anew with each kernel.
 */
	.text
	.globl	_start
_start:
	isb
	mrs	x3, cntvct_el0
	sub	sp, sp, #32
	mov	x1, sp
	mov	x4, #16
1:	ror	x3, x3, #60			// the topmost digit to the bottom
	and	x5, x3, #0xf
	cmp	x5, #10
	add	x6, x5, #'0'
	add	x7, x5, #('a' - 10)
	csel	x5, x6, x7, lo
	strb	w5, [x1], #1
	subs	x4, x4, #1
	b.ne	1b
	mov	w5, #'\n'
	strb	w5, [x1]
	mov	x0, #1
	mov	x1, sp
	mov	x2, #17
	mov	x8, #64				// write
	svc	#0
	mov	x0, #0
	mov	x8, #93				// exit
	svc	#0

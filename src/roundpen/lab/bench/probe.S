/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A payload in a kernel's place: writes the pen's region into a file of the
 * host, then for each CPU of its table AFFINITY_INFO, CPU_ON, the CPU's own
 * CPU_OFF, AFFINITY_INFO until OFF; then ends the emulator. With a return entry
 * in the table, for each release word: release, the CPU's own return, receipt.
 * One CPU at a time, so that every call is uncontended. Position independent;
 * runs at EL1 or EL2 with the MMU off.
 *
 * Exit status: 0 all answered as they should, else the number of the step.
 */
#define SYS_OPEN 0x01
#define SYS_CLOSE 0x02
#define SYS_WRITE 0x05
#define SYS_EXIT 0x18
#define STOPPED_BY_APPLICATION 0x20026
#define OPEN_WB 5

	.text
header:
	b	start
	.long	0
	.quad	0			// text_offset
	.quad	0x10000			// image_size
	.quad	0x8			// flags: anywhere in RAM, little endian
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

	.org	PROBE_TABLE		// filled by the host
count:	.quad	0
length:	.quad	0
door:	.quad	0			// offset of the return entry in the region; 0: PSCI
targets:				// MPIDRs, or offsets of release words in the region
	.fill	PROBE_TARGETS, 8, 0
name:	.fill	PROBE_NAME, 1, 0

start:
	adr	x0, vectors
	mrs	x1, CurrentEL
	tbz	x1, #3, 6f
	msr	vbar_el2, x0
6:	msr	vbar_el1, x0
	isb
	bl	find_region
	cbz	x0, 1f
	bl	save_region
1:	adr	x20, targets
	adr	x21, count
	ldr	x21, [x21]
	mov	x22, #0
next:
2:	cmp	x22, x21
	b.hs	5f
	ldr	x23, [x20, x22, lsl #3]
	add	x22, x22, #1
	adr	x0, door
	ldr	x0, [x0]
	cbnz	x0, return_once

	mov	x24, #10		// OFF before
	bl	affinity_info
	cmp	x0, #1
	b.ne	fail

	mov	x24, #20		// CPU_ON
	ldr	w0, =0xc4000003
	mov	x1, x23
	adr	x2, secondary
	mov	x3, x22
	hvc	#0
	cbnz	x0, fail
3:	adr	x1, flag
	ldr	x0, [x1]
	cmp	x0, x22
	b.eq	4f
	yield
	b	3b

4:	yield				// OFF again, sooner or later
	bl	affinity_info
	cmp	x0, #1
	b.ne	4b
	b	2b
5:	mov	x24, #0
	b	fail

/* In: x0 = offset of the return entry, x19 = region, x22 = turn, x23 = offset of the word. */
return_once:
	add	x23, x19, x23
	mov	x24, #50		// parked before
	ldr	x1, [x23]
	cbnz	x1, fail
	add	x0, x19, x0
	adr	x1, order
	stp	x22, x23, [x1]
	str	x0, [x1, #16]
	adr	x0, goes_home
	dsb	sy
	str	x0, [x23]
	dsb	sy
	sev
1:	adr	x1, flag
	ldr	x0, [x1]
	cmp	x0, x22
	b.eq	2f
	yield
	b	1b
2:	ldr	x0, [x23]		// 1 was there before the flag
	cbz	x0, next
	yield
	b	2b

affinity_info:
	ldr	w0, =0xc4000004
	mov	x1, x23
	mov	x2, #0
	hvc	#0
	ret

/* In: x0 = the number of its turn. */
secondary:
	adr	x1, vectors
	msr	vbar_el1, x1
	isb
	adr	x1, flag
	str	x0, [x1]
	dsb	sy
	sev
	ldr	w0, =0x84000002
	hvc	#0
	mov	x24, #30		// CPU_OFF came back
	b	fail

/* In: x0-x3 = 0. Back to the pen, as the contract has it. */
goes_home:
	adr	x1, order
	ldp	x4, x5, [x1]
	ldr	x6, [x1, #16]
	mov	x7, #1
	str	x7, [x5]
	dsb	sy
	adr	x1, flag
	str	x4, [x1]
	dsb	sy
	sev
	mov	x1, #0
	br	x6

/* Out: x0 = the pen's region, 0 without one. It is in the 2 MiB before the payload. */
find_region:
	adr	x1, header
	sub	x0, x1, #0x200000
	ldr	x3, =PROBE_MAGIC
	mov	x5, #PROBE_LOGBOOK
1:	ldr	x4, [x0, x5]
	cmp	x4, x3
	b.eq	2f
	add	x0, x0, #0x10000
	cmp	x0, x1
	b.lo	1b
	mov	x0, #0
2:	ret

/* In: x0 = region. */
save_region:
	mov	x19, x0
	adr	x2, name
	adr	x1, block
	mov	x3, #OPEN_WB
	adr	x4, length
	ldr	x4, [x4]
	stp	x2, x3, [x1]
	str	x4, [x1, #16]
	mov	w0, #SYS_OPEN
	hlt	#0xf000
	mov	x24, #1
	cmn	x0, #1
	b.eq	fail
	mov	x25, x0
	adr	x1, block
	ldr	x4, =PROBE_REGION
	stp	x25, x19, [x1]
	str	x4, [x1, #16]
	mov	w0, #SYS_WRITE
	hlt	#0xf000
	mov	x24, #2
	cbnz	x0, fail
	adr	x1, block
	str	x25, [x1]
	mov	w0, #SYS_CLOSE
	hlt	#0xf000
	ret

/* In: x24 = exit status. */
fail:
	adr	x1, block
	ldr	x0, =STOPPED_BY_APPLICATION
	stp	x0, x24, [x1]
	mov	w0, #SYS_EXIT
	hlt	#0xf000
	b	.

	.pool
	.balign	8
block:	.quad	0, 0, 0
flag:	.quad	0
	.balign	16
order:	.quad	0, 0, 0			// turn, release word, return entry

	.balign	0x800
vectors:
	.rept	16
	.balign	0x80
	mov	x24, #40		// an exception nobody asked for
	b	fail
	.endr
	.balign	8

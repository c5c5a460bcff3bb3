/* SPDX-License-Identifier: BSD-2-Clause */
/* The resident part, as boot/ carries it. */
	.section .rodata.resident, "a"
	.balign	8
	.globl	resident_blob, resident_blob_end
resident_blob:
	.incbin	"resident.bin"
	.balign	8
resident_blob_end:

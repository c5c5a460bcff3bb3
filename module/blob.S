/* SPDX-License-Identifier: GPL-2.0-only */
/* The resident part of the pen, as `python pen/build.py --module module/made` left it. */
#include <linux/linkage.h>

	.section .rodata
	.balign	8
SYM_DATA_START(roundpen_resident)
	.incbin	"made/resident.bin"
SYM_DATA_END_LABEL(roundpen_resident, SYM_L_GLOBAL, roundpen_resident_end)

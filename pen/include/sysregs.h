/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System registers and hints that assemblers of 2021 do not know by name, by
 * their encoding (Arm ARM DDI 0487, D19; names as there). Usable in assembly
 * and, through XSTR, in C's asm statements.
 */
#ifndef ROUNDPEN_SYSREGS_H
#define ROUNDPEN_SYSREGS_H

#define ID_AA64ISAR2_EL1 S3_0_C0_C6_2
#define ID_AA64MMFR1_EL1 S3_0_C0_C7_1
#define ID_AA64MMFR3_EL1 S3_0_C0_C7_3
#define ID_AA64PFR2_EL1 S3_0_C0_C4_2
#define ID_AA64SMFR0_EL1 S3_0_C0_C4_5

#define PMSCR_EL1 S3_0_C9_C9_0
#define PMBLIMITR_EL1 S3_0_C9_C10_0
#define PMBIDR_EL1 S3_0_C9_C10_7
#define TRFCR_EL1 S3_0_C1_C2_1
#define TRBLIMITR_EL1 S3_0_C9_C11_0
#define TRBIDR_EL1 S3_0_C9_C11_7
#define BUFFER_IS_ANOTHERS 4 /* PMBIDR_EL1.P and TRBIDR_EL1.P, the bit's number */
#define SVCR S3_3_C4_C2_2
#define ZCR_EL1 S3_0_C1_C2_0
#define SMCR_EL1 S3_0_C1_C2_6
#define TCR2_EL1 S3_0_C2_C0_3
#define SCTLR2_EL1 S3_0_C1_C0_3
#define PIR_EL1 S3_0_C10_C2_3
#define PIRE0_EL1 S3_0_C10_C2_2
#define POR_EL1 S3_0_C10_C2_4
#define GCSCR_EL1 S3_0_C2_C5_0

#define PMSCR_EL2 S3_4_C9_C9_0
#define TRFCR_EL2 S3_4_C1_C2_1
#define ZCR_EL2 S3_4_C1_C2_0
#define SMCR_EL2 S3_4_C1_C2_6
#define SMPRIMAP_EL2 S3_4_C1_C2_5
#define HCRX_EL2 S3_4_C1_C2_2
#define HFGRTR_EL2 S3_4_C1_C1_4
#define HFGWTR_EL2 S3_4_C1_C1_5
#define HFGITR_EL2 S3_4_C1_C1_6
#define HDFGRTR_EL2 S3_4_C3_C1_4
#define HDFGWTR_EL2 S3_4_C3_C1_5
#define HAFGRTR_EL2 S3_4_C3_C1_6
#define HDFGRTR2_EL2 S3_4_C3_C1_0
#define HDFGWTR2_EL2 S3_4_C3_C1_1
#define HFGRTR2_EL2 S3_4_C3_C1_2
#define HFGWTR2_EL2 S3_4_C3_C1_3
#define HFGITR2_EL2 S3_4_C3_C1_7
#define ICC_SRE_EL2 S3_4_C12_C9_5
#define ICH_HCR_EL2 S3_4_C12_C11_0

#ifdef __ASSEMBLER__
	.macro	psb_csync
	hint	#17
	.endm
	.macro	tsb_csync
	hint	#18
	.endm
#endif

#endif

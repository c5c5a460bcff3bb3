/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What EL3 owes the levels below it: every feature that the CPU has is usable
 * there. Fields are asked of the ID registers, so that one binary serves a
 * cortex-a53 and `-cpu max` alike. Bit numbers: Arm ARM, SCR_EL3, CPTR_EL3,
 * MDCR_EL3.
 */
#include "vendor.h"

#define SCR_EL3_BASE (BIT(0) /* NS */ | BIT(4) | BIT(5) /* RES1 */ | BIT(10) /* RW */)
#define SCR_HCE BIT(8)
#define SCR_SMD BIT(7)

struct grant {
	u64 id;
	u32 shift;
	u32 at_least;
	u64 scr;
};

static u32 field(u64 id, u32 shift)
{
	return (u32)(id >> shift) & 0xf;
}

/* out: the SCR_EL3 bits that this CPU's features ask for. */
static u64 scr_grants(void)
{
	u64 pfr0 = READ(id_aa64pfr0_el1), pfr1 = READ(id_aa64pfr1_el1);
	u64 pfr2 = READ(S3_0_C0_C4_2);
	u64 isar1 = READ(id_aa64isar1_el1), isar2 = READ(S3_0_C0_C6_2);
	u64 mmfr0 = READ(id_aa64mmfr0_el1), mmfr1 = READ(id_aa64mmfr1_el1);
	u64 mmfr3 = READ(S3_0_C0_C7_3);
	const struct grant grants[] = {
		{ isar1, 4, 1, BIT(16) | BIT(17) },	/* PAuth: APK, API */
		{ isar1, 8, 1, BIT(16) | BIT(17) },
		{ isar2, 12, 1, BIT(16) | BIT(17) },
		{ pfr0, 56, 2, BIT(25) },		/* EnSCXT */
		{ pfr1, 8, 2, BIT(26) },		/* MTE: ATA */
		{ mmfr0, 56, 1, BIT(27) },		/* FGTEn */
		{ mmfr0, 56, 2, BIT(59) },		/* FGTEn2 */
		{ mmfr0, 60, 2, BIT(28) },		/* ECVEn */
		{ pfr0, 44, 2, BIT(35) },		/* AMVOFFEN */
		{ isar1, 60, 2, BIT(36) },		/* EnAS0 */
		{ isar1, 60, 3, BIT(37) },		/* ADEn */
		{ mmfr1, 40, 1, BIT(38) },		/* HXEn */
		{ pfr1, 44, 1, BIT(39) },		/* GCSEn */
		{ pfr1, 24, 1, BIT(41) },		/* SME: EnTP2 */
		{ pfr1, 48, 1, BIT(42) },		/* RCWMASKEn */
		{ mmfr3, 0, 1, BIT(43) },		/* TCR2En */
		{ mmfr3, 4, 1, BIT(44) },		/* SCTLR2En */
		{ mmfr3, 8, 1, BIT(45) },		/* PIEn, for S1PIE ... */
		{ mmfr3, 16, 1, BIT(45) },		/* ... and S1POE */
		{ mmfr3, 24, 1, BIT(46) },		/* AIEn */
		{ mmfr3, 32, 1, BIT(47) },		/* D128En */
		{ pfr2, 32, 1, BIT(50) },		/* EnFPM */
	};
	u64 scr = 0;

	for (u32 i = 0; i < sizeof(grants) / sizeof(grants[0]); i++)
		if (field(grants[i].id, grants[i].shift) >= grants[i].at_least)
			scr |= grants[i].scr;
	return scr;
}

static void vector_grants(void)
{
	u64 cptr = 0;
	u64 pfr0 = READ(id_aa64pfr0_el1), pfr1 = READ(id_aa64pfr1_el1);
	u64 smfr0 = READ(S3_0_C0_C4_5);

	if (field(pfr0, 32))
		cptr |= BIT(8);		/* EZ */
	if (field(pfr1, 24))
		cptr |= BIT(12);	/* ESM */
	WRITE(cptr_el3, cptr);		/* TFP, TTA, TAM, TCPAC stay 0 */
	isb();
	if (field(pfr0, 32))
		WRITE(S3_6_C1_C2_0, 0xf);	/* ZCR_EL3.LEN: all there is */
	if (field(pfr1, 24)) {
		u64 smcr = 0xf;

		if (smfr0 >> 63)
			smcr |= BIT(31);	/* FA64 */
		if (((smfr0 >> 56) & 0xf) != 0)
			smcr |= BIT(30);	/* SME2: EZT0 */
		WRITE(S3_6_C1_C2_6, smcr);
	}
}

static void debug_grants(void)
{
	u64 dfr0 = READ(id_aa64dfr0_el1), mdcr = 0;

	if (field(dfr0, 32))
		mdcr |= BIT(12) | BIT(13);	/* NSPB: the profiling buffer is non-secure */
	if (field(dfr0, 32) >= 3)
		mdcr |= BIT(36);		/* EnPMSN */
	if (field(dfr0, 44))
		mdcr |= BIT(24) | BIT(25);	/* NSTB: the trace buffer, too */
	if (field(dfr0, 52))
		mdcr |= BIT(32) | BIT(33);	/* SBRBE */
	if (field(dfr0, 48) == 1)
		mdcr |= BIT(28);		/* MTPME */
	WRITE(mdcr_el3, mdcr);			/* TPM, TDA, TDOSA, TTRF stay 0 */
}

/* EL2 under a CPU that goes straight to EL1: enough that nothing is trapped there. */
static void rest_el2(void)
{
	WRITE(hcr_el2, BIT(31) | BIT(40) | BIT(41));	/* RW, APK, API */
	WRITE(cnthctl_el2, 3);
	WRITE(cntvoff_el2, 0);
	WRITE(vpidr_el2, READ(midr_el1));
	WRITE(vmpidr_el2, READ(mpidr_el1));
	WRITE(cptr_el2, 0x32ff);
	WRITE(S3_4_C1_C1_3, 0);				/* HSTR_EL2 */
}

/*
 * in: the CPU's entry of the parameter block and its number; EL3.
 * out: the SPSR with which start.S leaves EL3.
 */
u64 el3_prepare(struct entry *entry, u32 number)
{
	struct params *params = (struct params *)VENDOR_PARAMS;
	u32 has_el2 = field(READ(id_aa64pfr0_el1), 8) != 0;
	u32 level = params->entry_level;

	if (entry->flags & BIT(FLAG_OTHER_LEVEL_BIT))
		level = 3 - level;
	/* SMD: an SMC is undefined below, as it is under the Raspberry Pi's firmware. */
	WRITE(scr_el3, SCR_EL3_BASE | SCR_SMD | scr_grants() |
		       (has_el2 && !(params->flags & BIT(FLAG_NO_HVC_BIT)) ? SCR_HCE : 0));
	isb();
	vector_grants();
	debug_grants();
	entry->ticks = entry->delay_us * READ(cntfrq_el0) / 1000000;
	entry->receipt_ticks = entry->receipt_us * READ(cntfrq_el0) / 1000000;
	if (params->gic == 3)
		gic3_hand_over(params, number == 0, has_el2);
	else
		gic2_hand_over(params, number == 0);
	WRITE(sctlr_el1, 0x30d00800);	/* the RES1 bits of armv8.0: MMU and caches off */
	if (has_el2)
		WRITE(sctlr_el2, 0x30c50830);
	if (params->flags & BIT(FLAG_DIRTY_BIT))
		soil(level, params->gic);
	if (level == 1 && has_el2)
		rest_el2();
	isb();
	return level == 2 ? 0x3c9 : 0x3c5;	/* DAIF masked, EL2h or EL1h */
}

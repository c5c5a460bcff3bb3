/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that the CPU has works at EL1. Asked of the ID registers on each
 * CPU, used for real where there is something to use, else read or written;
 * whatever still traps to EL2 or is undefined is a fault of what runs there.
 */
#include "payload.h"

enum feature {
	F_IDENTITY, F_FP, F_SVE, F_SME, F_PAUTH, F_MTE, F_PMU, F_TIMERS, F_GICV3, F_TRANSLATION,
	F_DEBUG, F_CACHES, F_MISC, F_COUNT
};

_Static_assert(F_COUNT <= FEATURES, "room for the features");

static const char *const names[F_COUNT] = {
	"identity", "fp", "sve", "sme", "pauth", "mte", "pmu", "timers", "gicv3", "translation",
	"debug", "caches", "misc",
};

#define READ_PROBE(reg) PROBE("mrs x9, " STRING(reg))
#define WRITE_BACK(reg) PROBE("mrs x9, " STRING(reg) "\n\tisb\n\tmsr " STRING(reg) ", x9")
/* The number of the first probe that trapped is its line: the answer to "which". */
#define NEED(condition) do { if (!(condition)) return __LINE__ << 8; } while (0)

static u64 identity(void)
{
	u64 number = (u64)(this_cpu() - cpus);

	NEED((READ(mpidr_el1) & 0xff00fffffful) == config.mpidr[number]);
	NEED(!config.part || (READ(midr_el1) >> 4 & 0xfff) == config.part);
	return 1;
}

static u64 fp(void)
{
	NEED(READ_PROBE(fpcr));
	NEED(WRITE_BACK(fpsr));
	NEED(PROBE(".arch_extension fp\n\tfmov d0, #1.0\n\tfadd d0, d0, d0"));
	return 1;
}

static u64 sve(void)
{
	if (!field(READ(id_aa64pfr0_el1), 32))
		return config.sve_bytes ? (u64)__LINE__ << 8 : 0;
	NEED(READ_PROBE(S3_0_C1_C2_0));
	WRITE(S3_0_C1_C2_0, 0xf);
	isb();
	NEED(sve_try() == config.sve_bytes);
	return 1;
}

static u64 sme(void)
{
	if (!field(READ(id_aa64pfr1_el1), 24))
		return config.sme_bytes ? (u64)__LINE__ << 8 : 0;
	NEED(READ_PROBE(S3_0_C1_C2_6));
	NEED(WRITE_BACK(S3_3_C13_C0_5));	/* TPIDR2_EL0 */
	NEED(WRITE_BACK(S3_0_C1_C2_4));		/* SMPRI_EL1 */
	NEED(READ_PROBE(S3_1_C0_C0_6));		/* SMIDR_EL1 */
	WRITE(S3_0_C1_C2_6, 0xf | (READ(S3_0_C0_C4_5) >> 63) << 31);
	isb();
	NEED(sme_try() == config.sme_bytes);
	return 1;
}

static u64 pauth(void)
{
	u64 isar1 = READ(id_aa64isar1_el1), pointer = 0x40000000, signed_pointer;

	if (!(isar1 & 0xff0) && !field(READ(S3_0_C0_C6_2), 12))
		return 0;
	NEED(PROBE("mov x9, #0x1234\n\tmsr S3_0_C2_C1_0, x9"));	/* APIAKeyLo_EL1 */
	NEED(WRITE_BACK(S3_0_C2_C2_0));				/* APDAKeyLo_EL1 */
	NEED(WRITE_BACK(S3_0_C2_C3_0));				/* APGAKeyLo_EL1 */
	WRITE(sctlr_el1, READ(sctlr_el1) | BIT(31));
	isb();
	__asm__(".arch armv8.3-a\n\tmov x9, %1\n\tpaciza x9\n\tmov %0, x9"
		: "=r"(signed_pointer) : "r"(pointer) : "x9");
	__asm__(".arch armv8.3-a\n\tmov x9, %1\n\tautiza x9\n\tmov %0, x9"
		: "=r"(pointer) : "r"(signed_pointer) : "x9");
	WRITE(sctlr_el1, READ(sctlr_el1) & ~BIT(31));
	isb();
	NEED(signed_pointer != 0x40000000);
	NEED(pointer == 0x40000000);
	return 1;
}

static u8 granule[16] __attribute__((aligned(16)));

static u64 mte(void)
{
	u64 tagged, found;

	if (field(READ(id_aa64pfr1_el1), 8) < 2)
		return 0;
	NEED(WRITE_BACK(S3_0_C1_C0_6));	/* GCR_EL1 */
	NEED(WRITE_BACK(S3_0_C1_C0_5));	/* RGSR_EL1 */
	NEED(WRITE_BACK(S3_0_C5_C6_0));	/* TFSR_EL1 */
	NEED(WRITE_BACK(S3_0_C5_C6_1));	/* TFSRE0_EL1 */
	/* Only memory of the virt board lies where the tagged alias is. */
	NEED((u64)granule >> 30 == 1);
	mmu_on();
	WRITE(sctlr_el1, READ(sctlr_el1) | BIT(43));	/* ATA */
	isb();
	tagged = ((u64)granule & 0x3fffffff) | 8ul << 30 | 5ul << 56;
	__asm__ volatile(".arch armv8.5-a+memtag\n\tmov x9, %1\n\tstg x9, [x9]\n\t"
			 "and x9, x9, #0xffffffffffffff\n\tldg x9, [x9]\n\tmov %0, x9"
			 : "=r"(found) : "r"(tagged) : "x9", "memory");
	WRITE(sctlr_el1, READ(sctlr_el1) & ~BIT(43));
	mmu_off();
	NEED(found == tagged);
	return 1;
}

static u64 pmu(void)
{
	u32 version = field(READ(id_aa64dfr0_el1), 8);
	u64 before;

	if (!version || version == 0xf)
		return 0;
	NEED(WRITE_BACK(pmcr_el0));
	NEED(WRITE_BACK(pmuserenr_el0));
	NEED(WRITE_BACK(pmselr_el0));
	NEED(WRITE_BACK(pmccfiltr_el0));
	NEED(WRITE_BACK(pmevcntr0_el0));
	NEED(WRITE_BACK(pmevtyper0_el0));
	NEED(READ_PROBE(pmceid0_el0));
	NEED((READ(pmcr_el0) >> 11 & 0x1f) == config.pmu_counters);
	WRITE(pmccfiltr_el0, 0);
	WRITE(pmcntenset_el0, BIT(31));
	WRITE(pmcr_el0, READ(pmcr_el0) | 1);
	isb();
	before = READ(pmccntr_el0);
	for (u64 until = now() + ticks_of_ms(1); now() < until;)
		;
	NEED(READ(pmccntr_el0) != before);
	WRITE(pmcr_el0, READ(pmcr_el0) & ~1ul);
	WRITE(pmcntenclr_el0, BIT(31));
	return 1;
}

static u64 timers(void)
{
	u64 first, middle, last;

	NEED(READ(cntfrq_el0) != 0);
	NEED(WRITE_BACK(cntp_ctl_el0));
	NEED(WRITE_BACK(cntp_cval_el0));
	NEED(READ_PROBE(cntp_tval_el0));
	NEED(WRITE_BACK(cntv_ctl_el0));
	NEED(WRITE_BACK(cntv_cval_el0));
	NEED(WRITE_BACK(cntkctl_el1));
	NEED(READ_PROBE(cntpct_el0));
	first = now();
	isb();
	middle = READ(cntvct_el0);
	last = now();
	NEED(first <= middle && middle <= last);	/* CNTVOFF is 0 */
	if (field(READ(id_aa64mmfr0_el1), 60)) {
		NEED(READ_PROBE(S3_3_C14_C0_5));	/* CNTPCTSS_EL0 */
		NEED(READ_PROBE(S3_3_C14_C0_6));	/* CNTVCTSS_EL0 */
	}
	return 1;
}

static u64 gicv3(void)
{
	if (config.gic != 3)
		return 0;
	NEED(READ_PROBE(S3_0_C12_C12_5));	/* ICC_SRE_EL1 */
	NEED(READ(S3_0_C12_C12_5) & 1);
	NEED(WRITE_BACK(S3_0_C4_C6_0));		/* ICC_PMR_EL1 */
	NEED(WRITE_BACK(S3_0_C12_C12_7));	/* ICC_IGRPEN1_EL1 */
	NEED(WRITE_BACK(S3_0_C12_C12_4));	/* ICC_CTLR_EL1 */
	NEED(WRITE_BACK(S3_0_C12_C12_3));	/* ICC_BPR1_EL1 */
	NEED(READ_PROBE(S3_0_C12_C11_3));	/* ICC_RPR_EL1 */
	NEED(READ_PROBE(S3_0_C12_C12_2));	/* ICC_HPPIR1_EL1 */
	NEED(READ_PROBE(S3_0_C12_C12_0));	/* ICC_IAR1_EL1 */
	NEED(WRITE_BACK(S3_0_C12_C9_0));	/* ICC_AP1R0_EL1 */
	NEED(PROBE("mov x9, #0x10000\n\tmovk x9, #0xf00, lsl #16\n\tmsr S3_0_C12_C11_5, x9"));
	return 1;
}

static u64 translation(void)
{
	u64 mmfr1 = READ(id_aa64mmfr1_el1), mmfr3 = READ(S3_0_C0_C7_3);

	NEED(WRITE_BACK(ttbr0_el1));
	NEED(WRITE_BACK(ttbr1_el1));
	NEED(WRITE_BACK(tcr_el1));
	NEED(WRITE_BACK(mair_el1));
	NEED(WRITE_BACK(amair_el1));
	NEED(WRITE_BACK(sctlr_el1));
	NEED(WRITE_BACK(contextidr_el1));
	NEED(WRITE_BACK(far_el1));
	NEED(WRITE_BACK(esr_el1));
	NEED(WRITE_BACK(afsr0_el1));
	NEED(PROBE("at s1e1r, xzr"));
	NEED(PROBE("tlbi vmalle1"));
	NEED(PROBE("tlbi vmalle1is"));
	NEED(PROBE("tlbi vaae1is, xzr"));
	if (field(READ(id_aa64isar0_el1), 56) >= 2)
		NEED(PROBE(".arch armv8.4-a\n\ttlbi rvaae1is, xzr"));
	if (field(mmfr1, 16))
		NEED(WRITE_BACK(S3_0_C10_C4_3));	/* LORC_EL1 */
	if (field(mmfr1, 20))
		NEED(PROBE(".arch armv8.1-a\n\tmsr pan, #1\n\tmsr pan, #0"));
	if (field(mmfr3, 0))
		NEED(WRITE_BACK(S3_0_C2_C0_3));		/* TCR2_EL1 */
	if (field(mmfr3, 4))
		NEED(WRITE_BACK(S3_0_C1_C0_3));		/* SCTLR2_EL1 */
	if (field(mmfr3, 8))
		NEED(WRITE_BACK(S3_0_C10_C2_3));	/* PIR_EL1 */
	if (field(mmfr3, 16))
		NEED(WRITE_BACK(S3_0_C10_C2_4));	/* POR_EL1 */
	return 1;
}

static u64 debug(void)
{
	u64 dfr0 = READ(id_aa64dfr0_el1);

	NEED(WRITE_BACK(mdscr_el1));
	NEED(WRITE_BACK(dbgbvr0_el1));
	NEED(WRITE_BACK(dbgbcr0_el1));
	NEED(WRITE_BACK(dbgwvr0_el1));
	NEED(READ_PROBE(oslsr_el1));
	NEED(PROBE("msr oslar_el1, xzr"));
	NEED(WRITE_BACK(osdlr_el1));
	NEED(READ_PROBE(mdrar_el1));
	NEED(READ_PROBE(mdccsr_el0));
	if (field(dfr0, 32))
		NEED(WRITE_BACK(S3_0_C9_C9_0));	/* PMSCR_EL1 */
	if (field(dfr0, 40))
		NEED(WRITE_BACK(S3_0_C1_C2_1));	/* TRFCR_EL1 */
	if (field(dfr0, 44))
		NEED(WRITE_BACK(S3_0_C9_C11_0));	/* TRBLIMITR_EL1 */
	return 1;
}

static u64 caches(void)
{
	NEED(READ_PROBE(ctr_el0));
	NEED(READ_PROBE(dczid_el0));
	NEED(READ_PROBE(clidr_el1));
	NEED(WRITE_BACK(csselr_el1));
	NEED(READ_PROBE(ccsidr_el1));
	NEED(PROBE("dc isw, xzr"));
	NEED(PROBE("dc cisw, xzr"));
	NEED(PROBE("adr x9, .\n\tdc civac, x9"));
	NEED(PROBE("adr x9, .\n\tdc cvac, x9"));
	NEED(PROBE("adr x9, .\n\tdc cvau, x9"));
	NEED(PROBE("adr x9, .\n\tic ivau, x9"));
	NEED(PROBE("ic iallu"));
	NEED(PROBE("ic ialluis"));
	if (field(READ(id_aa64isar1_el1), 0))
		NEED(PROBE(".arch armv8.2-a\n\tadr x9, .\n\tdc cvap, x9"));
	return 1;
}

static u64 misc(void)
{
	u64 pfr0 = READ(id_aa64pfr0_el1);

	NEED(READ_PROBE(midr_el1));
	NEED(READ_PROBE(revidr_el1));
	NEED(READ_PROBE(aidr_el1));
	NEED(READ_PROBE(actlr_el1));
	NEED(READ_PROBE(id_aa64pfr0_el1));
	NEED(WRITE_BACK(cpacr_el1));
	NEED(WRITE_BACK(tpidr_el0));
	NEED(WRITE_BACK(par_el1));
	NEED(PROBE("svc #0"));
	NEED(PROBE("sevl\n\twfe"));
	if (field(pfr0, 28))
		NEED(READ_PROBE(S3_0_C5_C3_0));	/* ERRIDR_EL1 */
	if (field(pfr0, 44))
		NEED(READ_PROBE(S3_3_C13_C2_0));	/* AMCR_EL0 */
	if (field(pfr0, 56) >= 2)
		NEED(WRITE_BACK(S3_0_C13_C0_7));	/* SCXTNUM_EL1 */
	if (field(READ(id_aa64isar0_el1), 60))
		NEED(READ_PROBE(S3_3_C2_C4_0));		/* RNDR */
	return 1;
}

void run_features(void)
{
	static u64 (*const run[F_COUNT])(void) = {
		identity, fp, sve, sme, pauth, mte, pmu, timers, gicv3, translation, debug, caches,
		misc,
	};
	struct cpu *me = this_cpu();

	WRITE(cpacr_el1, 3 << 16 | 3 << 20 | 3 << 24);
	isb();
	for (u32 i = 0; i < F_COUNT; i++)
		me->feature[i] = run[i]();
}

static void report(u32 number, const char *when)
{
	for (u32 i = 0; i < F_COUNT; i++) {
		u64 got = cpus[number].feature[i];

		say(names[i]);
		say(" cpu ");
		say_dec(number);
		say(" ");
		say(when);
		if (!got)
			say(": the CPU has none");
		else if (got != 1) {
			say(": features.c line ");
			say_dec((s64)(got >> 8));
			say(" last syndrome ");
			say_hex(cpus[number].trapped);
		}
		result("feature", got <= 1);
	}
}

void test_features(void)
{
	run_features();
	report(0, "boot");
	for (u32 number = 1; number < config.cpu_count; number++) {
		for (u32 again = 0; again < 2; again++) {
			const char *when = again ? "after a dirty off" : "first";

			result("features-on", turn_on(number, again));
			post(number, JOB_FEATURES, 0);
			result("features-run", finished(number));
			report(number, when);
			result("features-off", turn_off(number, JOB_DIRTY_OFF));
		}
	}
}

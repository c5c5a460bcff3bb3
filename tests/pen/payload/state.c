/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EL1 as a CPU finds it after CPU_ON. Each CPU notes it before it touches
 * anything; then it leaves EL1 as dirty as it can (MMU on, timers firing), goes
 * off and must find it again as it was the first time.
 */
#include "payload.h"

enum view {
	VIEW_LEVEL, VIEW_SPSEL, VIEW_DAIF, VIEW_SCTLR, VIEW_TCR, VIEW_TTBR0, VIEW_TTBR1, VIEW_MAIR,
	VIEW_VBAR, VIEW_CPACR, VIEW_CNTKCTL, VIEW_CNTV, VIEW_CNTP, VIEW_MDSCR, VIEW_PMCR,
	VIEW_PMCNTEN, VIEW_PMINTEN, VIEW_CONTEXTIDR, VIEW_SVCR, VIEW_ZCR, VIEW_SMCR, VIEW_COUNT
};

_Static_assert(VIEW_COUNT <= VIEW, "room for the view");

/* SCTLR_EL1: M, A, C, I, WXN, EE, EnDB, EnDA, EnIB, EnIA, ATA. */
#define SCTLR_OFF (BIT(0) | BIT(1) | BIT(2) | BIT(12) | BIT(19) | BIT(25) | BIT(13) | BIT(27) | BIT(30) | \
		   BIT(31) | BIT(43))

static const struct {
	const char *name;
	u64 mask;	/* bits with one right value ... */
	u64 value;	/* ... this one; the rest has to be the same each time */
} views[VIEW_COUNT] = {
	[VIEW_LEVEL] = { "CurrentEL", 0xc, 0x4 },
	[VIEW_SPSEL] = { "SPSel", 1, 1 },
	[VIEW_DAIF] = { "DAIF", 0x3c0, 0x3c0 },
	[VIEW_SCTLR] = { "SCTLR_EL1", SCTLR_OFF, 0 },
	[VIEW_TCR] = { "TCR_EL1", 0, 0 },
	[VIEW_TTBR0] = { "TTBR0_EL1", 0, 0 },
	[VIEW_TTBR1] = { "TTBR1_EL1", 0, 0 },
	[VIEW_MAIR] = { "MAIR_EL1", 0, 0 },
	[VIEW_VBAR] = { "VBAR_EL1", 0, 0 },
	[VIEW_CPACR] = { "CPACR_EL1", 0, 0 },
	[VIEW_CNTKCTL] = { "CNTKCTL_EL1", 0, 0 },
	[VIEW_CNTV] = { "CNTV_CTL_EL0", 1, 0 },
	[VIEW_CNTP] = { "CNTP_CTL_EL0", 1, 0 },
	[VIEW_MDSCR] = { "MDSCR_EL1", BIT(0) | BIT(13) | BIT(15), 0 },
	[VIEW_PMCR] = { "PMCR_EL0", 1, 0 },
	[VIEW_PMCNTEN] = { "PMCNTENSET_EL0", ~0ul, 0 },
	[VIEW_PMINTEN] = { "PMINTENSET_EL1", ~0ul, 0 },
	[VIEW_CONTEXTIDR] = { "CONTEXTIDR_EL1", 0, 0 },
	[VIEW_SVCR] = { "SVCR", 3, 0 },
	[VIEW_ZCR] = { "ZCR_EL1", 0, 0 },
	[VIEW_SMCR] = { "SMCR_EL1", 0, 0 },
};

u32 field(u64 id, u32 shift)
{
	return (u32)(id >> shift) & 0xf;
}

static u32 has_sve(void)
{
	return field(READ(id_aa64pfr0_el1), 32);
}

static u32 has_sme(void)
{
	return field(READ(id_aa64pfr1_el1), 24);
}

/* May touch nothing before it is read, VBAR included: so no probes here. */
void take_view(u64 number)
{
	volatile u64 *view = cpus[number].view;
	u64 cpacr = READ(cpacr_el1);

	view[VIEW_LEVEL] = READ(CurrentEL);
	view[VIEW_SPSEL] = READ(spsel);
	view[VIEW_DAIF] = READ(daif);
	view[VIEW_SCTLR] = READ(sctlr_el1);
	view[VIEW_TCR] = READ(tcr_el1);
	view[VIEW_TTBR0] = READ(ttbr0_el1);
	view[VIEW_TTBR1] = READ(ttbr1_el1);
	view[VIEW_MAIR] = READ(mair_el1);
	view[VIEW_VBAR] = READ(vbar_el1);
	view[VIEW_CPACR] = cpacr;
	view[VIEW_CNTKCTL] = READ(cntkctl_el1);
	view[VIEW_CNTV] = READ(cntv_ctl_el0);
	view[VIEW_CNTP] = READ(cntp_ctl_el0);
	view[VIEW_MDSCR] = READ(mdscr_el1);
	view[VIEW_PMCR] = READ(pmcr_el0);
	view[VIEW_PMCNTEN] = READ(pmcntenset_el0);
	view[VIEW_PMINTEN] = READ(pmintenset_el1);
	view[VIEW_CONTEXTIDR] = READ(contextidr_el1);
	WRITE(cpacr_el1, cpacr | 3 << 16 | 3 << 20 | 3 << 24);	/* or the next reads trap */
	isb();
	if (has_sve())
		view[VIEW_ZCR] = READ(S3_0_C1_C2_0);
	if (has_sme()) {
		view[VIEW_SVCR] = READ(S3_3_C4_C2_2);
		view[VIEW_SMCR] = READ(S3_0_C1_C2_6);
	}
	WRITE(cpacr_el1, cpacr);
	isb();
}

/* 1 GiB blocks, identity; block 8 is block 1 again with tagged memory. */
static u64 table[512] __attribute__((aligned(4096)));

#define BLOCK(address, attributes) ((address) | (attributes) << 2 | 3 << 8 | BIT(10) | 1)

void mmu_on(void)
{
	for (u64 i = 0; i < 4; i++)
		table[i] = BLOCK(i << 30, 1ul);
	table[8] = BLOCK(1ul << 30, 2ul);
	dsb();
	WRITE(mair_el1, 0xf0ff00);	/* 0: device, 1: write-back, 2: write-back and tagged */
	WRITE(tcr_el1, 25 | 1 << 8 | 1 << 10 | 3 << 12 | BIT(23) | 1ul << 32 | BIT(37));
	WRITE(ttbr0_el1, (u64)table);
	isb();
	__asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb" : : : "memory");
	WRITE(sctlr_el1, READ(sctlr_el1) | 1);
	isb();
}

void mmu_off(void)
{
	WRITE(sctlr_el1, READ(sctlr_el1) & ~1ul);
	isb();
	__asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb" : : : "memory");
}

/* The last kernel's EL1, at its worst. CPU_OFF follows with the MMU on, as Linux does it. */
void dirty(void)
{
	mmu_on();
	WRITE(ttbr1_el1, 0xdeadb000);
	WRITE(cntkctl_el1, 0x3);
	WRITE(contextidr_el1, 0x5a5a);
	WRITE(vbar_el1, 0xfffffff000000800ul);
	WRITE(cntv_cval_el0, 0);
	WRITE(cntv_ctl_el0, 1);		/* firing */
	WRITE(cntp_cval_el0, 0);
	WRITE(cntp_ctl_el0, 1);
	WRITE(mdscr_el1, BIT(13) | BIT(15));
	WRITE(pmuserenr_el0, 0xf);
	WRITE(pmintenset_el1, ~0u);
	WRITE(pmcntenset_el0, ~0u);
	WRITE(pmcr_el0, READ(pmcr_el0) | 1);
	WRITE(sctlr_el1, READ(sctlr_el1) | BIT(2) | BIT(12) | BIT(14) | BIT(15) | BIT(26));
	WRITE(cpacr_el1, 3 << 16 | 3 << 20 | 3 << 24);
	isb();
	if (has_sve())
		WRITE(S3_0_C1_C2_0, 3);
	if (has_sme()) {
		WRITE(S3_0_C1_C2_6, 1);
		WRITE(S3_3_C4_C2_2, 3);	/* streaming mode and ZA on */
	}
	isb();
}

static void compare(u32 number, const volatile u64 *first, const char *when)
{
	const volatile u64 *view = cpus[number].view;

	for (u32 i = 0; i < VIEW_COUNT; i++) {
		say("cpu ");
		say_dec(number);
		say(" ");
		say(when);
		say(" ");
		say(views[i].name);
		say(" ");
		say_hex(view[i]);
		say(" first ");
		say_hex(first[i]);
		result("state", (view[i] & views[i].mask) == views[i].value && view[i] == first[i]);
	}
}

void test_state(void)
{
	u64 first[VIEW_COUNT];

	/* The boot CPU comes from its loader, and by CPU_ON never. */
	compare(0, cpus[0].view, "first");
	for (u32 number = 1; number < config.cpu_count; number++) {
		result("state-on", turn_on(number, 1));
		for (u32 i = 0; i < VIEW_COUNT; i++)
			first[i] = cpus[number].view[i];
		compare(number, first, "first");
		for (u32 again = 0; again < 2; again++) {
			result("state-off", turn_off(number, JOB_DIRTY_OFF));
			result("state-on", turn_on(number, 2));
			compare(number, first, "after a dirty off");
		}
		result("state-off", turn_off(number, JOB_OFF));
	}
}

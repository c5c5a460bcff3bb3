/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an EL2 program owes the kernel below it (Linux 6.12,
 * Documentation/arch/arm64/booting.rst, "if EL2 is present and the kernel is
 * entered at EL1"): all that this very CPU has works at EL1, nothing traps, and
 * EL1 looks as after a reset. Done at every hand-over, for every CPU by its own
 * ID registers: cores of one machine differ.
 */
#include "resident.h"
#include <sysregs.h>

#define STRING(text) #text
#define XSTRING(text) STRING(text)
#define read_register(name)                                                    \
	({                                                                     \
		uint64_t value_;                                               \
		__asm__ volatile("mrs %0, " XSTRING(name) : "=r"(value_));     \
		value_;                                                        \
	})
#define write_register(name, value)                                            \
	__asm__ volatile("msr " XSTRING(name) ", %x0" ::"rZ"((uint64_t)(value)) : "memory")

static inline uint32_t field(uint64_t id, unsigned int shift)
{
	return (id >> shift) & 0xf;
}

/*
 * Fine-grained traps: most bits trap when 1, those named n... when 0. All n...
 * bits are set, also for features that the CPU lacks, where they are RES0.
 */
static void open_fine_grained_traps(uint64_t pfr0, uint32_t fgt)
{
	if (!fgt)
		return;
	write_register(HFGRTR_EL2, 0xfff4ull << 48);
	write_register(HFGWTR_EL2, 0xfff4ull << 48);
	write_register(HFGITR_EL2, 0x1full << 55);
	write_register(HDFGRTR_EL2, 0xfull << 59);
	write_register(HDFGWTR_EL2, 0x7ull << 60);
	if (field(pfr0, 44)) /* AMU */
		write_register(HAFGRTR_EL2, 0);
	if (fgt < 2)
		return;
	write_register(HFGRTR2_EL2, 0x7fff);
	write_register(HFGWTR2_EL2, 0x7fff);
	write_register(HDFGRTR2_EL2, 0xffffff);
	write_register(HDFGWTR2_EL2, 0xffffff);
	write_register(HFGITR2_EL2, 1 << 1);
}

/* HCRX_EL2: here the bits that permit are 1, each only with its feature. */
static void open_extended_hypervisor(uint64_t pfr1, uint64_t mmfr3)
{
	uint64_t isar1 = read_register(id_aa64isar1_el1);
	uint64_t isar2 = read_register(ID_AA64ISAR2_EL1);
	uint64_t value = 0;

	switch (field(isar1, 60)) { /* LS64 */
	case 3:
		value |= 1 << 0; /* EnAS0 */
		/* fall through */
	case 2:
		value |= 1 << 2; /* EnASR */
		/* fall through */
	case 1:
		value |= 1 << 1; /* EnALS */
	}
	if (field(isar2, 16))
		value |= 1 << 11; /* MSCEn: memory copy and set */
	if (field(mmfr3, 0))
		value |= 1 << 14; /* TCR2En */
	if (field(mmfr3, 4))
		value |= 1 << 15; /* SCTLR2En */
	if (field(mmfr3, 32))
		value |= 1 << 17; /* D128En */
	if (field(pfr1, 44))
		value |= 1 << 22; /* GCSEn */
	if (field(read_register(ID_AA64PFR2_EL1), 32))
		value |= 1 << 23; /* EnFPM */
	write_register(HCRX_EL2, value);
}

/* Vector state: nothing trapped, the longest vectors that the CPU has. */
static void open_vectors(uint64_t pfr0, uint64_t pfr1)
{
	uint64_t traps = 0x33ff; /* CPTR_EL2, E2H = 0: RES1, TZ and TSM */
	uint64_t smfr0;

	if (field(pfr0, 32))
		traps &= ~(1ull << 8); /* TZ */
	if (field(pfr1, 24))
		traps &= ~(1ull << 12); /* TSM */
	write_register(cptr_el2, traps);
	__asm__ volatile("isb");
	if (field(pfr0, 32)) {
		write_register(ZCR_EL2, 0xf);
		write_register(ZCR_EL1, 0);
	}
	if (!field(pfr1, 24))
		return;
	smfr0 = read_register(ID_AA64SMFR0_EL1);
	write_register(SMCR_EL2, 0xf | (smfr0 >> 63) << 31 /* FA64 */ |
					 (uint64_t)!!field(smfr0, 56) << 30 /* EZT0 */);
	write_register(SMCR_EL1, 0);
	write_register(SMPRIMAP_EL2, 0);
}

static bool is_anothers(uint64_t buffer_id)
{
	return buffer_id >> BUFFER_IS_ANOTHERS & 1;
}

/*
 * PMU counters, profiling and trace buffers belong to EL1. Registers that EL3 may
 * have kept (MDCR_EL3.NSPB, NSTB, TTRF) are written only where PMBIDR_EL1.P or
 * TRBIDR_EL1.P says that it has not, as Linux does (el2_setup.h,
 * __init_el2_debug): a trap to a firmware without handlers is the end of the CPU.
 * Nobody says so much of branch records (SBRBE): what firmware left of them stays.
 */
static void open_debug(void)
{
	uint64_t dfr0 = read_register(id_aa64dfr0_el1);
	uint32_t pmu = field(dfr0, 8);
	uint64_t value = 0;

	if (pmu && pmu != 0xf)
		value = (read_register(pmcr_el0) >> 11) & 0x1f; /* HPMN = N */
	if (field(dfr0, 32)) {
		value |= 3 << 12; /* E2PB */
		/* PCT = physical, PA: what EL1 asks for, it gets */
		if (!is_anothers(read_register(PMBIDR_EL1)))
			write_register(PMSCR_EL2, 1 << 6 | 1 << 4);
	}
	if (field(dfr0, 44) && !is_anothers(read_register(TRBIDR_EL1))) {
		value |= 3 << 24; /* E2TB */
		if (field(dfr0, 40))
			write_register(TRFCR_EL2, 0);
	}
	write_register(mdcr_el2, value);
}

/* The virtual view is the physical one: identity, counter, interrupt controller. */
static void open_machine(uint64_t pfr0)
{
	write_register(vpidr_el2, read_register(midr_el1));
	write_register(vmpidr_el2, read_register(mpidr_el1));
	write_register(hstr_el2, 0);
	write_register(cnthctl_el2, CNTHCTL_OPEN); /* and no event stream any more */
	write_register(cntvoff_el2, 0);
	if (!field(pfr0, 24)) /* GIC system registers */
		return;
	write_register(ICC_SRE_EL2, read_register(ICC_SRE_EL2) | 0x9); /* SRE, Enable */
	__asm__ volatile("isb");
	if (read_register(ICC_SRE_EL2) & 1)
		write_register(ICH_HCR_EL2, 0);
}

/* EL1 as after a reset; SCTLR_EL1, timers and PMU were put to rest on the way in. */
static void reset_el1(uint64_t pfr1, uint64_t mmfr3)
{
	write_register(sctlr_el1, SCTLR_EL1_REST);
	write_register(cpacr_el1, 0);
	write_register(tcr_el1, 0);
	write_register(ttbr0_el1, 0);
	write_register(ttbr1_el1, 0);
	write_register(mair_el1, 0);
	write_register(vbar_el1, 0);
	write_register(contextidr_el1, 0);
	write_register(cntkctl_el1, 0);
	if (field(mmfr3, 0))
		write_register(TCR2_EL1, 0);
	if (field(mmfr3, 4))
		write_register(SCTLR2_EL1, 0);
	if (field(mmfr3, 8)) {
		write_register(PIR_EL1, 0);
		write_register(PIRE0_EL1, 0);
	}
	if (field(mmfr3, 16))
		write_register(POR_EL1, 0);
	if (field(pfr1, 44))
		write_register(GCSCR_EL1, 0);
}

void open_el1(void);
void open_el1(void)
{
	uint64_t pfr0 = read_register(id_aa64pfr0_el1);
	uint64_t pfr1 = read_register(id_aa64pfr1_el1);
	uint64_t mmfr3 = read_register(ID_AA64MMFR3_EL1);

	/* RW; EnSCXT, FIEN, ATA, API, APK: bits that permit. RES0 without the feature. */
	write_register(hcr_el2, 1ull << 31 | 1ull << 53 | 1ull << 47 | 1ull << 56 | 1ull << 41 |
					1ull << 40);
	if (field(read_register(ID_AA64MMFR1_EL1), 40))
		open_extended_hypervisor(pfr1, mmfr3);
	open_fine_grained_traps(pfr0, field(read_register(id_aa64mmfr0_el1), 56));
	open_vectors(pfr0, pfr1);
	open_debug();
	open_machine(pfr0);
	reset_el1(pfr1, mmfr3);
	__asm__ volatile("isb");
}

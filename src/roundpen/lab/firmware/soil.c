/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers as a board may have them: UNKNOWN at a reset (Arm ARM, "PE state on
 * reset to AArch64 state", and each register's own page), which is zero in QEMU and
 * is not on a CPU. Only what booting.rst asks nothing of: the CPU still enters
 * with its MMU off, its endianness right, and EL1 open where it enters at EL1.
 */
#include "vendor.h"

#define JUNK 0xdeadbeefdead0000ul

static u32 field(u64 id, u32 shift)
{
	return (u32)(id >> shift) & 0xf;
}

static void timers(u32 has_el2)
{
	/* Armed, and due: it is for the interrupt controller and DAIF to keep them quiet. */
	WRITE(cntv_cval_el0, 0);
	WRITE(cntv_ctl_el0, 1);
	WRITE(cntp_cval_el0, 0);
	WRITE(cntp_ctl_el0, 1);
	if (has_el2) {
		WRITE(cnthp_cval_el2, 0);
		WRITE(cnthp_ctl_el2, 1);
	}
}

static void counters(void)
{
	u32 version = field(READ(id_aa64dfr0_el1), 8);

	if (!version || version == 0xf)
		return;
	WRITE(pmuserenr_el0, 0xf);
	WRITE(pmintenset_el1, 0xffffffff);
	WRITE(pmcntenset_el0, 0xffffffff);
	WRITE(pmcr_el0, READ(pmcr_el0) | 1);
}

/* EL1 below a CPU that enters at EL2; where it enters at EL1, what it does not run on. */
static void el1(u32 level)
{
	if (level == 2)
		WRITE(sctlr_el1, 0x30d00800 | BIT(0) | BIT(1) | BIT(2) | BIT(19) | BIT(24) | BIT(25));
	WRITE(ttbr0_el1, JUNK & 0xffffffff0000);
	WRITE(ttbr1_el1, JUNK & 0xffffffffe000);
	WRITE(tcr_el1, 0x3f5a5a5a9f5a5a5aul & ~(BIT(59) - BIT(37)));
	WRITE(mair_el1, 0xbb44ff04ee0c0048ul);
	WRITE(vbar_el1, 0xfffffff8deadb800ul);
	WRITE(contextidr_el1, 0x5a5a);
	WRITE(cpacr_el1, 0);
	WRITE(cntkctl_el1, 0x2b7);
	WRITE(mdscr_el1, BIT(12) | BIT(13) | BIT(15));
	WRITE(tpidr_el1, JUNK);
	WRITE(tpidr_el0, JUNK);
}

static void el2(u32 gic)
{
	u64 vhe = field(READ(id_aa64mmfr1_el1), 8);

	/* VM, SWIO, FMO, IMO, AMO, TWI, TWE, TID3, TSC, TIDCP, TACR, TSW, TVM, TGE, TDZ, TRVM, RW */
	WRITE(hcr_el2, BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(13) | BIT(14) | BIT(18) |
		       BIT(19) | BIT(20) | BIT(21) | BIT(22) | BIT(26) | BIT(27) | BIT(28) |
		       BIT(30) | BIT(31) | (vhe ? BIT(34) : 0));
	/* HPMN 1; TPMCR, TPM, HPME, TDE, TDA, TDOSA, TDRA */
	WRITE(mdcr_el2, 0xfe1);
	/* TCPAC, TTA, TSM, TFP, TZ, and what is RES1 */
	WRITE(cptr_el2, BIT(31) | BIT(20) | 0x37ff);
	WRITE(hstr_el2, 0xffff);
	WRITE(cnthctl_el2, 0x2bc);
	WRITE(cntvoff_el2, 0x123456789abcdul);
	WRITE(vttbr_el2, 0x5adeadbe0000ul | 0x5aul << 48);
	WRITE(vtcr_el2, 0x8002355a);
	WRITE(vpidr_el2, 0x5a5a5a5a);
	WRITE(vmpidr_el2, 0x805a5a5aul);
	WRITE(vbar_el2, JUNK & 0xfffffffff800);
	WRITE(tpidr_el2, JUNK);
	WRITE(ttbr0_el2, JUNK & 0xffffffff0000);
	WRITE(tcr_el2, 0x80825a1a);
	WRITE(mair_el2, 0xbb44ff04ee0c0048ul);
	if (gic == 3)
		WRITE(S3_4_C12_C11_0, BIT(0) | BIT(10) | BIT(11) | BIT(12));	/* ICH_HCR_EL2 */
}

/* level: at which this CPU leaves EL3. */
void soil(u32 level, u32 gic)
{
	u32 has_el2 = field(READ(id_aa64pfr0_el1), 8) != 0;

	timers(has_el2);
	counters();
	el1(level);
	if (level == 2)
		el2(gic);
	isb();
}

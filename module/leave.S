/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Step 3 of the return (docs/contract.md): out of the kernel, MMU and data cache off, at the
 * exception level of the handover, x0-x3 = 0. Nothing here touches a stack, and nothing may
 * fault: an exception would run the kernel's vectors on a CPU whose word says that it is gone.
 */
#include <linux/linkage.h>

#include <asm/assembler.h>
#include <asm/sysreg.h>
#include <asm/virt.h>

/* What makes the MMU, the caches and the checks of the old kernel: as the kernel's own restart. */
#define SCTLR_OFF	(SCTLR_ELx_M | SCTLR_ELx_A | SCTLR_ELx_C | SCTLR_ELx_SA | SCTLR_ELx_I)
/* TCR_EL1, by its bits: the kernel's names for them have changed (Arm ARM, TCR_EL1). */
#define EPD0		(1 << 7)
#define SPACE_BITS	48

	.text

/*
 * roundpen_leave_by_stub: from EL1 through the kernel's own stub at EL2.
 * In:       x0 return entry (physical).
 * Out:      does not return; at the return entry: EL2, its MMU and data cache off, x0-x3 = 0.
 * Clobbers: everything is abandoned.
 * State:    EL1, MMU and caches on, DAIF masked; HVC leads to the stub. KVM has put it back
 *           when this CPU went offline; in a crash KVM's own vectors are still there, and serve
 *           this call in the same way (arch/arm64/kvm/hyp/nvhe/hyp-init.S).
 * The MMU of EL1 stays on: it translates nothing for EL2, and the return entry takes it down.
 * Both ways pass x2 to x4 on as x0 to x2, and leave x3.
 */
SYM_FUNC_START(roundpen_leave_by_stub)
	mov	x1, x0
	mov	x0, #HVC_SOFT_RESTART
	mov	x2, xzr
	mov	x3, xzr
	mov	x4, xzr
	hvc	#0
1:	b	1b
SYM_FUNC_END(roundpen_leave_by_stub)

/*
 * roundpen_leave_by_tables: for a kernel at the level of the handover: EL1, or EL2 with VHE,
 * where the names of EL1 mean the registers of EL2.
 * In:       x0 return entry (physical), x1 tables (physical; 4 KiB pages, 48 bits), x2 address
 *           of roundpen_mmu_off, mapped by the tables at that very address.
 * Out:      does not return.
 * Clobbers: everything is abandoned.
 * State:    MMU and caches on, DAIF masked.
 * The kernel's half of the address space, TTBR1's, is left as it is until the MMU goes off. The
 * lower half gets new tables and another geometry: T0SZ for 48 bits, TG0 for 4 KiB pages, as
 * the kernel's own may be 16 or 64 KiB. No walk may see a mixture of the two and no entry of
 * the old ones may be left: walks of the lower half stop (EPD0), it leaves the TLB (an entry
 * knows of no geometry; vmalle1 takes the upper half along), then the new ones are shown.
 */
SYM_FUNC_START(roundpen_leave_by_tables)
	mrs	x3, tcr_el1
	orr	x3, x3, #EPD0
	msr	tcr_el1, x3
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	msr	ttbr0_el1, x1
	mov	x4, #64 - SPACE_BITS
	bfi	x3, x4, #0, #6			// T0SZ
	bfi	x3, xzr, #14, #2		// TG0: 4 KiB
	msr	tcr_el1, x3
	isb
	bic	x3, x3, #EPD0
	msr	tcr_el1, x3
	isb
	br	x2
SYM_FUNC_END(roundpen_leave_by_tables)

/*
 * roundpen_mmu_off: runs as a copy, at an address that is the same with the MMU on and off.
 * In:       x0 return entry (physical).
 * Out:      at the return entry: this level, MMU and caches off, x0-x3 = 0.
 * State:    EL1, or EL2 with VHE; MMU on, through the tables; DAIF masked. After SCTLR's write
 *           instructions come from memory, past the caches: the copy was cleaned to there.
 * Only the bits that the contract names go, and those with which they go in the kernel's own
 * restart: EE is clear (the module is little endian), pointer authentication and branch targets
 * concern no instruction from here to where the return entry sets SCTLR as a whole, tag checks
 * need tagged memory, which a CPU without its MMU has none of.
 * Then the TLB: whoever executes under new tables invalidates before; what this kernel leaves
 * behind, the copies of its tables among it, is ours. At EL2 it is the return entry's
 * tlbi alle1 that would not reach it.
 */
SYM_CODE_START(roundpen_mmu_off)
	hint	#38				// bti jc: the page may be a guarded one
	mrs	x3, sctlr_el1
	mov_q	x4, SCTLR_OFF
	bic	x3, x3, x4
	isb					// as pre_disable_mmu_workaround (Falkor E1041)
	msr	sctlr_el1, x3
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	mov	x4, x0
	mov	x0, xzr
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	br	x4
SYM_INNER_LABEL(roundpen_mmu_off_end, SYM_L_GLOBAL)
SYM_CODE_END(roundpen_mmu_off)

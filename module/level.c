// SPDX-License-Identifier: GPL-2.0-only
/*
 * At which exception level the CPUs were handed over, and the way back to it.
 *
 * A kernel at EL1 under its own stub at EL2, and a kernel that was entered at EL1, look alike
 * from inside, and asking is not safe: an HVC is undefined where firmware has disabled it, and
 * is never answered where EL2 is there and nobody in it. So nothing is asked. The kernel keeps
 * what it saw at its entry in __boot_cpu_mode, which no module may read, but it has acted on it:
 * with EL2 behind it the timer driver leaves the virtual counter to guests and reads the
 * physical one, else the virtual one, without exception (drivers/clocksource/arm_arch_timer.c,
 * arch_counter_register() with arch_timer_select_ppi(), 6.1 to 7.x). Which of the two stands in
 * arch_timer_read_counter, and that is exported.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpufeature.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <asm/cputype.h>
#include <asm/fpsimd.h>
#include <asm/sysreg.h>
#include <asm/virt.h>

#include <clocksource/arm_arch_timer.h>

#include "leave.h"
#include "roundpen.h"
#include "word.h"

/* ID_AA64MMFR4_EL1.E2H0, a signed field: negative where HCR_EL2.E2H can't be 0 (FEAT_E2H0). */
#define SYS_MMFR4	sys_reg(3, 0, 0, 7, 4)
#define MMFR4_E2H0	24

#define TGRAN4		28	/* ID_AA64MMFR0_EL1.TGran4 */
#define PFR0_EL2	8	/* ID_AA64PFR0_EL1.EL2 */

/*
 * The tables: one page at each of the four levels of a 48-bit space, and the page that they
 * map at its own address. They are ordinary memory of this kernel, which the next one may
 * overwrite: a CPU is through with them before it gives its receipt, and without the receipt
 * there is no jump. A capture kernel does not wait for a receipt, and does not run here.
 */
#define LEVELS		4
#define TABLES_SIZE	((LEVELS + 1) * SZ_4K)
#define ENTRIES		(SZ_4K / sizeof(u64))
#define SPACE_BITS	48
#define TABLE		3UL

static unsigned int level_given;
module_param_named(level, level_given, uint, 0444);
MODULE_PARM_DESC(level, "exception level of the CPUs' handover, 1 or 2, if it can't be known");

static unsigned int level;
static u64 *tables;

unsigned int roundpen_level(void)
{
	return level;
}

const char *roundpen_level_name(void)
{
	if (level == 1)
		return "EL1";
	return is_kernel_in_hyp_mode() ? "EL2 VHE" : "EL2";
}

/* 2 or 1: what the kernel's choice of a counter says; 0: it says nothing. */
static unsigned int level_of_counter(void)
{
	char name[sizeof("arch_counter_get_cntvct_mem")];

	snprintf(name, sizeof(name), "%ps", arch_timer_read_counter);
	/* The counter in memory is read by whoever has no other. */
	if (strstarts(name, "arch_counter_get_cntvct_mem"))
		return 0;
	if (strstarts(name, "arch_counter_get_cntvct"))
		return 1;
	if (strstarts(name, "arch_counter_get_cntpct"))
		return 2;
	return 0;
}

static unsigned int level_known(void)
{
	if (is_kernel_in_hyp_mode())
		return 2;
	if (!cpuid_feature_extract_unsigned_field(read_sanitised_ftr_reg(SYS_ID_AA64PFR0_EL1),
						  PFR0_EL2))
		return 1;
	return level_of_counter();
}

static int level_choose(void)
{
	unsigned int known = level_known();

	if (level_given > 2) {
		refused_err("level=%u; it is 1 or 2", level_given);
		return -EINVAL;
	}
	if (!known && !level_given) {
		refused_err("can't tell at which exception level the CPUs were handed over; give level=2 if the kernel has said \"started at EL2\", else level=1");
		return -EOPNOTSUPP;
	}
	if (known && level_given && known != level_given) {
		refused_err("level=%u, but the CPUs were handed over at EL%u", level_given,
			    known);
		return -EINVAL;
	}
	level = known ?: level_given;
	return 0;
}

/* The return entry clears HCR_EL2.E2H before it uses a register of EL1. */
static bool vhe_is_for_good(void)
{
	if (read_cpuid_implementor() == ARM_CPU_IMP_APPLE)
		return true;
	return cpuid_feature_extract_signed_field(read_sysreg_s(SYS_MMFR4), MMFR4_E2H0) < 0;
}

int roundpen_level_find(void)
{
	int error = level_choose();

	if (error || level == 1)
		return error;
	if (is_kernel_in_hyp_mode()) {
		if (!vhe_is_for_good())
			return 0;
		refused_err("EL2 of these CPUs is always in VHE mode");
		return -EOPNOTSUPP;
	}
	/* hyp_mode_check() has said so, about all CPUs that came up during the boot. */
	if (test_taint(TAINT_CPU_OUT_OF_SPEC)) {
		refused_err("the CPUs differ in what they must not (taint S); some may have been handed over at EL1");
		return -EOPNOTSUPP;
	}
	if (is_protected_kvm_enabled()) {
		refused_err("KVM is in protected mode and does not give EL2 back");
		return -EOPNOTSUPP;
	}
	return 0;
}

static bool leaves_by_stub(void)
{
	return level == 2 && !is_kernel_in_hyp_mode();
}

/* One entry at each level leads to @page, at the virtual address @page. */
static void fill_tables(phys_addr_t page)
{
	phys_addr_t table = virt_to_phys(tables);
	unsigned int shift = SPACE_BITS, at;

	for (at = 0; at < LEVELS; at++) {
		u64 next = table + SZ_4K;

		shift -= ilog2(ENTRIES);
		/* The kernel's own attributes for what it executes and does not write. */
		next |= at < LEVELS - 1 ? TABLE : pgprot_val(PAGE_KERNEL_ROX);
		tables[at * ENTRIES + ((page >> shift) % ENTRIES)] = next;
		table += SZ_4K;
	}
}

int roundpen_level_prepare(void)
{
	u64 mmfr0 = read_sanitised_ftr_reg(SYS_ID_AA64MMFR0_EL1);
	phys_addr_t page;

	if (leaves_by_stub())
		return 0;
	if (cpuid_feature_extract_signed_field(mmfr0, TGRAN4) < 0) {
		refused_err("these CPUs can't use tables with 4 KiB pages");
		return -EOPNOTSUPP;
	}
	tables = alloc_pages_exact(TABLES_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!tables)
		return -ENOMEM;
	page = virt_to_phys(tables) + LEVELS * SZ_4K;
	if (page >> SPACE_BITS) {
		refused_err("the memory at %pa is out of reach of a %d-bit table", &page,
			    SPACE_BITS);
		roundpen_level_forget();
		return -EOPNOTSUPP;
	}
	memcpy(tables + LEVELS * ENTRIES, roundpen_mmu_off,
	       roundpen_mmu_off_end - roundpen_mmu_off);
	fill_tables(page);
	/*
	 * Who reads what is here: table walks, cacheable and inner shareable as TCR_EL1 says, and
	 * the CPU that fetches the last page, first through its cache and then, its MMU off,
	 * from memory. That last fetch does not see a cache's dirty lines. Never written again.
	 */
	publish_code((const void __iomem *)tables, TABLES_SIZE);
	return 0;
}

/* Not while a CPU may be on its way out, nor after one was lost there. */
void roundpen_level_forget(void)
{
	if (tables)
		free_pages_exact(tables, TABLES_SIZE);
	tables = NULL;
}

void __noreturn roundpen_leave(u64 return_entry)
{
	phys_addr_t root;

	/* A vector length of the last task's in streaming mode is nothing to boot a CPU with. */
	if (system_supports_sme())
		sme_smstop();
	if (leaves_by_stub())
		roundpen_leave_by_stub(return_entry);
	root = virt_to_phys(tables);
	roundpen_leave_by_tables(return_entry, root, root + LEVELS * SZ_4K);
}

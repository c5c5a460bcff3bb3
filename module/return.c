// SPDX-License-Identifier: GPL-2.0-only
/* Kernel -> pen: docs/contract.md, "R: return, the OS's half" and "A: who waits". */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/iopoll.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/smp.h>
#include <linux/time64.h>
#include <asm/daifflags.h>
#include <asm/sysreg.h>
#include "roundpen.h"
#include "word.h"

/* A2 */
#define RETURN_TIMEOUT_US USEC_PER_SEC

#define PFR0_GIC		24
#define DFR0_PMSVER		32
#define DFR0_TRACE_BUFFER	44
/* The kernel's names for these have changed. */
#define PMBLIMITR		sys_reg(3, 0, 9, 10, 0)
#define PMBIDR			sys_reg(3, 0, 9, 10, 7)
#define TRBLIMITR		sys_reg(3, 0, 9, 11, 0)
#define TRBIDR			sys_reg(3, 0, 9, 11, 7)
#define BUFFER_IS_ANOTHERS	0x10

static bool any_lost;

bool roundpen_any_lost(void)
{
	return READ_ONCE(any_lost);
}

NOKPROBE_SYMBOL(roundpen_any_lost);

int roundpen_none_lost(void)
{
	if (!roundpen_any_lost())
		return 0;
	pr_err("Can't kexec: a CPU did not come to the pen, and executes in this kernel's memory\n");
	return -EBUSY;
}

NOKPROBE_SYMBOL(roundpen_none_lost);

/*
 * irq-bcm2836.c takes smp_processor_id() for the core's number, so a kernel of the next kexec
 * that is not entered on core 0 hangs there. The jump is made by CPU 0, if CPU 0 is there.
 */
static bool has_to_jump(unsigned int cpu)
{
	struct device_node *node;

	if (cpu)
		return false;
	node = of_find_compatible_node(NULL, NULL, "brcm,bcm2836-l1-intc");
	of_node_put(node);
	return node;
}

bool roundpen_can_disable(unsigned int cpu)
{
	return !has_to_jump(cpu);
}

/* On the CPU that is to go, before anything is torn down. */
int roundpen_disable(unsigned int cpu)
{
	if (roundpen_any_lost())
		return -EBUSY;
	if (!roundpen_can_disable(cpu))
		return -EOPNOTSUPP;
	/* Ours is the only code that can call it back. Fails when rmmod has begun. */
	return try_module_get(THIS_MODULE) ? 0 : -EBUSY;
}

static bool has(u64 features, unsigned int shift)
{
	return features >> shift & 0xf;
}

/*
 * Profiling and trace that write to memory by themselves. Whether they are this level's to stop,
 * the buffers' own ID registers say (P, Arm ARM); the drivers look there, too.
 */
static void stop_buffers(void)
{
	u64 features = read_sysreg(id_aa64dfr0_el1);

	if (has(features, DFR0_PMSVER) && !(read_sysreg_s(PMBIDR) & BUFFER_IS_ANOTHERS)) {
		asm volatile("hint #17" : : : "memory"); /* psb csync */
		write_sysreg_s(0, PMBLIMITR);
	}
	if (has(features, DFR0_TRACE_BUFFER) && !(read_sysreg_s(TRBIDR) & BUFFER_IS_ANOTHERS)) {
		asm volatile("hint #18" : : : "memory"); /* tsb csync */
		write_sysreg_s(0, TRBLIMITR);
	}
	isb();
	dsb(nsh);
}

/*
 * R1. CPU hotplug has done most of it by its callbacks, a crash has done nothing. The PMU is
 * harmless without its interrupt. A GICv2's CPU interface stays open: its driver exports no way
 * to close it, what arrives there is masked, and the next kernel sets it up anew.
 */
static void quiesce(void)
{
	write_sysreg(0, cntv_ctl_el0);
	/* Where the kernel was entered at EL1, this one belongs to EL2. */
	if (roundpen_level() == 2)
		write_sysreg(0, cntp_ctl_el0);
	stop_buffers();
	if (has(read_sysreg(id_aa64pfr0_el1), PFR0_GIC) && read_sysreg_s(SYS_ICC_SRE_EL1) & 1)
		write_sysreg_s(0, SYS_ICC_IGRPEN1_EL1);
	isb();
}

/*
 * On the CPU that goes, in a crash too: no waiting, no locks, no messages. What its caches hold
 * is still the kernel's, and they stay coherent (F6).
 */
void roundpen_die(unsigned int cpu)
{
	struct roundpen_cpu *this = &roundpen_pen.cpus[cpu];

	local_daif_mask();
	quiesce();
	/*
	 * A1: whoever waits must not take an old value for the receipt. Have the word written
	 * first, and say so second.
	 */
	word_write(WORD_RETURNING, this->word);
	WRITE_ONCE(this->state, ROUNDPEN_RETURNING);
	dsb(sy);
	roundpen_leave(this->return_entry);
}

static bool has_returned(struct roundpen_cpu *this)
{
	if (READ_ONCE(this->state) != ROUNDPEN_RETURNING)
		return false;
	/* Pairs with the order of the stores in roundpen_die(). */
	rmb();
	return word_read(this->word) == WORD_PARKED;
}

/* On the CPU that asked. */
int roundpen_kill(unsigned int cpu)
{
	struct roundpen_cpu *this = &roundpen_pen.cpus[cpu];
	bool returned;
	int error;

	error = read_poll_timeout(has_returned, returned, returned, 100, RETURN_TIMEOUT_US, false,
				  this);
	if (error) {
		WRITE_ONCE(this->state, ROUNDPEN_LOST);
		WRITE_ONCE(any_lost, true);
		pr_crit("CPU%u: did not come to the pen, its word is 0x%llx\n", cpu,
			word_read(this->word));
		return error;
	}
	WRITE_ONCE(this->state, ROUNDPEN_PARKED);
	return 0;
}

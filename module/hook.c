// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel asks get_cpu_ops() how each CPU is started and stopped, each time anew. A kprobe
 * answers for it: the pre-handler puts our operations into x0 and goes back to the caller, the
 * function never runs. Not a kretprobe: that has a pool that can run dry, and one miss in
 * cpu_die() is a call of NULL past the point of no return.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpu.h>
#include <linux/kprobes.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/string.h>
#include <asm/cpu_ops.h>
#include "probe.h"
#include "roundpen.h"

static struct cpu_operations ours __ro_after_init;
static struct cpu_operations original __ro_after_init;
static struct cpu_operations without_return __ro_after_init;

/*
 * Once a CPU is lost the answer is that of a spin-table again: no cpu_die, so the other CPUs stay
 * and kexec is refused (A2, A3 of the contract); those that are parked can still be booted. Not
 * the kernel's own answer: under PSCI it would be another way out. A crash is another matter, it
 * waits for nobody (C1): it asks from the handler of its IPI.
 */
static bool step_aside(void)
{
	return roundpen_any_lost() && !in_hardirq() && !in_nmi();
}

NOKPROBE_SYMBOL(step_aside);

static int answer(struct kprobe *probe, struct pt_regs *regs)
{
	if (regs->regs[0] >= roundpen_pen.count)
		return 0;
	return probe_answer(regs, (unsigned long)(step_aside() ? &without_return : &ours));
}

NOKPROBE_SYMBOL(answer);

static struct kprobe hook = {
	.symbol_name = "get_cpu_ops",
	.pre_handler = answer,
};

const char *roundpen_way(void)
{
	return ours.name;
}

bool roundpen_by_psci(void)
{
	return !strcmp(ours.name, "psci");
}

/* The operations that all CPUs have; the boot CPU may have none (cpu_ops.c, init_bootcpu_ops). */
static int __init common_operations(const struct cpu_operations **common)
{
	const struct cpu_operations *(*ask)(int cpu) = (void *)hook.addr;
	unsigned int cpu;

	*common = NULL;
	for_each_possible_cpu(cpu) {
		const struct cpu_operations *operations = ask(cpu);

		if (!operations && !cpu)
			continue;
		if (!operations || (*common && operations != *common)) {
			refused_err("CPU%u has another enable-method than the others", cpu);
			return -EOPNOTSUPP;
		}
		*common = operations;
	}
	return 0;
}

static int __init judge(const struct cpu_operations *theirs)
{
	int error = roundpen_psci_judge(theirs->name);

	if (error || !strcmp(theirs->name, "psci"))
		return error;
	if (strcmp(theirs->name, "spin-table")) {
		refused_err("the CPUs' enable-method is %s, not spin-table", theirs->name);
		return -EOPNOTSUPP;
	}
	if (theirs->cpu_die) {
		refused_err("this kernel returns its CPUs by itself");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* The probe knows where the function is; it is armed later, when all stands. */
static int __init find_operations(const struct cpu_operations **common)
{
	int error;

	hook.flags = KPROBE_FLAG_DISABLED;
	error = register_kprobe(&hook);
	if (error) {
		refused_err("no probe on get_cpu_ops: %d", error);
		return error;
	}
	error = common_operations(common);
	unregister_kprobe(&hook);
	return error;
}

int __init roundpen_hook_find(void)
{
	const struct cpu_operations *theirs;
	int error = find_operations(&theirs);

	if (!error)
		error = judge(theirs);
	if (error)
		return error;
	original = *theirs;
	ours = *theirs;
	ours.cpu_boot = roundpen_release;
	ours.cpu_postboot = roundpen_arrived;
	without_return = ours;
	without_return.cpu_can_disable = NULL;
	without_return.cpu_disable = NULL;
	without_return.cpu_die = NULL;
	ours.cpu_can_disable = roundpen_can_disable;
	ours.cpu_disable = roundpen_disable;
	ours.cpu_die = roundpen_die;
	ours.cpu_kill = roundpen_kill;
	return 0;
}

int __init roundpen_hook_arm(void)
{
	int error;

	/* register_kprobe() takes a name or an address, not both. */
	hook.addr = NULL;
	hook.flags = 0;
	error = register_kprobe(&hook);
	if (error) {
		refused_err("no probe on get_cpu_ops: %d", error);
		return error;
	}
	/* Until now somebody could turn one off through the firmware. */
	error = roundpen_by_psci() ? roundpen_psci_all_on() : 0;
	if (error)
		unregister_kprobe(&hook);
	return error;
}

/*
 * Whoever got our operations from the probe may not have called them yet, or may not have come
 * back: under the lock of CPU hotplug, or preempted anywhere.
 */
void roundpen_hook_disarm(void)
{
	unregister_kprobe(&hook);
	cpus_read_lock();
	cpus_read_unlock();
	synchronize_rcu_tasks();
}

/* The kernel's own second half of a release: it lets the CPU out of its holding pen. */
int roundpen_boot_original(unsigned int cpu)
{
	return original.cpu_boot(cpu);
}

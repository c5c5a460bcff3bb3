// SPDX-License-Identifier: GPL-2.0-only
/*
 * Way `psci`: this kernel started its CPUs by PSCI, and its firmware loses each one that is
 * turned off. Nothing is turned off then: a CPU that leaves goes to the pen and comes back from
 * it, and for the firmware all of them are on for ever. Its resets and power-off stay in use.
 *
 * Never unasked: a firmware that takes CPUs back as PSCI says needs nothing of this.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpumask.h>
#include <linux/kprobes.h>
#include <linux/moduleparam.h>
#include <linux/of.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <asm/cpu_ops.h>
#include "probe.h"
#include "roundpen.h"

#define METHOD "psci"

static char *way = "";
module_param(way, charp, 0444);
MODULE_PARM_DESC(way, "psci: never turn CPUs off through this firmware, which loses them");

/*
 * Boards whose firmware is on record. brcm,bcm2712 (Raspberry Pi 5 and kin): CPU_OFF ends in a
 * WFI that no CPU_ON gets a core out of (raspberrypi/arm-trusted-firmware, branch bcm2712,
 * fc45bc492, rpi5_pm.c, rpi5_pwr_down_wfi(); raspberrypi/linux#7291).
 */
static const char *const loses_cpus[] __initconst = { "brcm,bcm2712" };

static const char * __init board_on_record(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(loses_cpus); i++)
		if (of_machine_is_compatible(loses_cpus[i]))
			return loses_cpus[i];
	return NULL;
}

/* Once a CPU is off, only the firmware knows where it is, and no CPU_ON may ask it. */
int __init roundpen_psci_all_on(void)
{
	unsigned int cpu;

	for_each_present_cpu(cpu) {
		if (cpu_online(cpu))
			continue;
		refused_err("CPU%u is off, and may be lost in the firmware; bring it online first, or restart if it does not come",
			    cpu);
		return -ENODEV;
	}
	return 0;
}

int __init roundpen_psci_judge(const char *method)
{
	const char *board;
	bool asked = !strcmp(way, METHOD);

	if (*way && !asked) {
		refused_err("way=%s; there is way=psci only", way);
		return -EINVAL;
	}
	if (strcmp(method, METHOD)) {
		if (!asked)
			return 0;
		refused_err("way=psci, but the CPUs' enable-method is %s", method);
		return -EINVAL;
	}
	if (asked)
		return roundpen_psci_all_on();
	board = board_on_record();
	if (board)
		refused_err("the CPUs are run by PSCI, and the firmware of %s loses those that are turned off; way=psci is the way for it",
			    board);
	else
		refused_err("the CPUs are run by PSCI, which can take them back; only if this firmware loses them give way=psci");
	return -EOPNOTSUPP;
}

/*
 * Where a CPU enters this kernel: secondary_entry, which no module can name. The kernel says it
 * itself, as the second argument of CPU_ON, if it is asked to start a CPU. It is asked for one
 * that runs, and the call ends in our hands: nothing reaches the firmware. Others' calls, which
 * may be on their way, pass.
 */
static struct task_struct *asker;
static u64 noted;

static int note(struct kprobe *probe, struct pt_regs *regs)
{
	if (current != READ_ONCE(asker))
		return 0;
	WRITE_ONCE(noted, regs->regs[1]);
	return probe_answer(regs, 0);
}

NOKPROBE_SYMBOL(note);

static struct kprobe ear = {
	.symbol_name = "psci_0_2_cpu_on",
	.pre_handler = note,
};

int __init roundpen_psci_entry(u64 *secondary_entry)
{
	int error = register_kprobe(&ear);

	if (error) {
		refused_err("no probe on %s: %d", ear.symbol_name, error);
		return error;
	}
	WRITE_ONCE(asker, current);
	error = roundpen_boot_original(cpumask_first(cpu_online_mask));
	WRITE_ONCE(asker, NULL);
	unregister_kprobe(&ear);
	/* With the probes disarmed the firmware was asked, and has said that this CPU is on. */
	if (error || !noted || !IS_ALIGNED(noted, 4)) {
		refused_err("this kernel does not say where its CPUs enter: %d, 0x%llx",
			    error, noted);
		return -EOPNOTSUPP;
	}
	*secondary_entry = noted;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kprobe at the first instruction of a function sends its caller to ours. A handler itself may
 * neither sleep nor allocate, and a kretprobe has a pool that can run dry: here nothing is missed.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "guard.h"
#include "probe.h"
#include "roundpen.h"

static int turn_off(struct kprobe *probe, struct pt_regs *regs)
{
	struct roundpen_detour *detour = container_of(probe, struct roundpen_detour, probe);

	if (READ_ONCE(detour->inside) == current)
		return 0;
	if (!try_module_get(THIS_MODULE))
		return probe_answer(regs, detour->refusal);
	return probe_divert(regs, detour->instead);
}

NOKPROBE_SYMBOL(turn_off);

int roundpen_detour_arm(struct roundpen_detour *detour)
{
	int error;

	detour->probe.pre_handler = turn_off;
	error = register_kprobe(&detour->probe);
	if (error)
		refused_err("no probe on %s: %d", detour->probe.symbol_name, error);
	return error;
}

/* Whoever has put the module back may still have its last instructions to run. */
void roundpen_detour_disarm(struct roundpen_detour *detour)
{
	unregister_kprobe(&detour->probe);
	synchronize_rcu_tasks();
}

void roundpen_detour_leave(void)
{
	module_put(THIS_MODULE);
}

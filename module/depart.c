// SPDX-License-Identifier: GPL-2.0-only
/*
 * The jump. The kernel sends its CPUs away when there is no way back any more: the devices are
 * shut down by then, and a CPU that does not come to the pen ends it in machine_kexec()'s BUG_ON.
 * Here they go before all that, while a kexec can still be refused and everything goes on (A4).
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/errno.h>
#include "guard.h"
#include "roundpen.h"

/* Callers hold system_transition_mutex (kernel/reboot.c). */
static struct cpumask sent;

static int send_away(unsigned int cpu)
{
	int error = remove_cpu(cpu);

	/* The core reports no failure of a CPU that was on its way out already. */
	if (!error && roundpen_any_lost())
		error = -EBUSY;
	if (error)
		pr_err("Can't kexec: CPU%u does not leave the kernel: %d\n", cpu, error);
	else
		cpumask_set_cpu(cpu, &sent);
	return error;
}

/* All but the one on which migrate_to_reboot_cpu() goes on. */
static int send_others(void)
{
	unsigned int stays = cpu_online(0) ? 0 : cpumask_first(cpu_online_mask);
	unsigned int cpu;
	int error = roundpen_none_lost();

	for_each_online_cpu(cpu) {
		if (error)
			break;
		if (cpu != stays)
			error = send_away(cpu);
	}
	return error;
}

static void bring_back(void)
{
	unsigned int cpu;

	for_each_cpu(cpu, &sent)
		if (add_cpu(cpu) < 0)
			pr_err("CPU%u does not come back\n", cpu);
}

static int jump(void);

static struct roundpen_detour departure = {
	.probe.symbol_name = "kernel_kexec",
	.instead = (unsigned long)jump,
	.refusal = -EBUSY,
};

static int jump(void)
{
	int (*original)(void) = (void *)departure.probe.addr;
	int error;

	cpumask_clear(&sent);
	error = roundpen_loaded() ? send_others() : 0;
	if (!error) {
		roundpen_detour_into(&departure);
		error = original();
		roundpen_detour_back(&departure);
	}
	/* Still here. */
	bring_back();
	roundpen_detour_leave();
	return error;
}

int roundpen_departure_arm(void)
{
	return roundpen_detour_arm(&departure);
}

void roundpen_departure_disarm(void)
{
	roundpen_detour_disarm(&departure);
}

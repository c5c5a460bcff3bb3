/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Idle states that a CPU node promises for another firmware. Linux's cpuidle-psci
 * takes them as soon as the enable-method is psci, without asking whether CPU_SUSPEND
 * knows them: each time the governor picks one that the pen refuses, the CPU saves its
 * context for nothing and goes round again, and never waits for an interrupt.
 */
#include "boot.h"
#include <libfdt.h>

/* Is it the one state that resident/psci_suspend.c enters? */
static bool is_standby(const void *tree, uint32_t phandle)
{
	int node = fdt_node_offset_by_phandle(tree, phandle);
	uint32_t param;

	return node >= 0 && first_cell(tree, node, "arm,psci-suspend-param", &param) && !param;
}

/* The same, remembered: it takes a walk through the tree, and CPUs mostly share their states. */
static bool stays(const void *tree, uint32_t phandle, struct idle_states *known)
{
	bool standby;

	for (uint32_t i = 0; i < known->count; i++)
		if (known->phandles[i] == phandle)
			return known->standby[i];
	standby = is_standby(tree, phandle);
	if (known->count < IDLE_STATES_MAX) {
		known->phandles[known->count] = phandle;
		known->standby[known->count++] = standby;
	}
	return standby;
}

/*
 * Linux looks at the first power domain before it looks at cpu-idle-states
 * (of_get_cpu_state_node()), and leaves the choice of a state to the one that is
 * called psci. The pen cannot take the power of a domain away.
 */
static bool has_power_domain_states(const void *tree, int cpu)
{
	uint32_t phandle;
	int domain;

	if (!first_cell(tree, cpu, "power-domains", &phandle))
		return false;
	if (has_string(tree, cpu, "power-domain-names", "psci"))
		return true;
	domain = fdt_node_offset_by_phandle(tree, phandle);
	return domain >= 0 && fdt_getprop(tree, domain, "domain-idle-states", NULL);
}

/* Leaves a CPU node the idle states that the pen has. Nothing grows: no edit can fail. */
void drop_idle_states(void *tree, int cpu, struct idle_states *known)
{
	fdt32_t kept[IDLE_STATES_MAX];
	int length, count = 0;
	const fdt32_t *states;

	if (has_power_domain_states(tree, cpu)) {
		fdt_delprop(tree, cpu, "power-domains");
		fdt_delprop(tree, cpu, "power-domain-names");
	}
	states = fdt_getprop(tree, cpu, "cpu-idle-states", &length);
	if (!states)
		return;
	for (int i = 0; i < IDLE_STATES_MAX && (i + 1) * (int)sizeof(*states) <= length; i++)
		if (stays(tree, fdt32_ld(&states[i]), known))
			kept[count++] = states[i];
	if (count)
		fdt_setprop(tree, cpu, "cpu-idle-states", kept, count * (int)sizeof(*kept));
	else
		fdt_delprop(tree, cpu, "cpu-idle-states");
}

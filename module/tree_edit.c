// SPDX-License-Identifier: GPL-2.0-only
/*
 * Puts the pen into a device tree: what pen/boot/rewrite.c writes under the offer
 * return, in the same order, so that the same tree comes out of both. Every step
 * answers 0 or an error of libfdt's; the tree is then to be thrown away.
 */
#include <linux/kernel.h>
#include "roundpen.h"
#include "tree.h"
#include "contract.h"

/* A pen that was in the tree before this one: no kernel may take it for alive. */
static int drop_stale(void *tree)
{
	int parent = tree_only_child(tree, "reserved-memory");
	int node, next, error;

	if (parent == -FDT_ERR_NOTFOUND)
		return 0;
	if (parent < 0)
		return parent;
	for (node = fdt_first_subnode(tree, parent); node >= 0; node = next) {
		if (!tree_has_string(tree, node, "compatible", COMPATIBLE)) {
			next = fdt_next_subnode(tree, node);
			continue;
		}
		error = fdt_del_node(tree, node);
		if (error)
			return error;
		/* Offsets behind it have moved: from the first again. */
		next = fdt_first_subnode(tree, parent);
	}
	return 0;
}

/* Linux takes /reserved-memory only with the cell counts of the root and with ranges. */
static int reserved_memory(void *tree, const struct tree_cells *root)
{
	int node = tree_only_child(tree, "reserved-memory");
	int error;

	if (node >= 0) {
		/* What Linux has ignored so far is not ours to bring to life. */
		if (!tree_same_cells(tree, node, root) || !fdt_getprop(tree, node, "ranges", NULL))
			return -FDT_ERR_BADNCELLS;
		return node;
	}
	if (node != -FDT_ERR_NOTFOUND)
		return node;
	node = fdt_add_subnode(tree, 0, "reserved-memory");
	if (node < 0)
		return node;
	error = fdt_setprop_u32(tree, node, "#address-cells", root->address);
	if (!error)
		error = fdt_setprop_u32(tree, node, "#size-cells", root->size);
	if (!error)
		error = fdt_setprop_empty(tree, node, "ranges");
	return error ? error : node;
}

static int put_cells(fdt32_t *to, u64 value, int cells)
{
	if (cells == 2)
		fdt32_st(to, value >> 32);
	fdt32_st(to + cells - 1, (u32)value);
	return cells;
}

static int put_region(void *tree, const struct roundpen_pen *pen)
{
	char name[sizeof(NODE_NAME) + 1 + 16];
	struct tree_cells root;
	fdt32_t reg[4];
	int parent, node, used, error;

	if (!tree_root_cells(tree, &root) || (root.address == 1 && pen->base >> 32))
		return -FDT_ERR_BADNCELLS;
	parent = reserved_memory(tree, &root);
	if (parent < 0)
		return parent;
	/* The unit address in hexadecimal, without leading zeros. */
	snprintf(name, sizeof(name), NODE_NAME "@%llx", (unsigned long long)pen->base);
	node = fdt_add_subnode(tree, parent, name);
	if (node < 0)
		return node;
	used = put_cells(reg, pen->base, root.address);
	used += put_cells(reg + used, pen->size, root.size);
	error = fdt_setprop_string(tree, node, "compatible", COMPATIBLE);
	if (!error)
		error = fdt_setprop(tree, node, "reg", reg, used * 4);
	if (!error)
		error = fdt_setprop_empty(tree, node, "no-map");
	return error;
}

/* Is it entered by PSCI's CPU_SUSPEND? The spin-table leaves a CPU without it, with WFI. */
static bool needs_psci(const void *tree, u32 phandle)
{
	int node = fdt_node_offset_by_phandle(tree, phandle);

	return node < 0 || fdt_getprop(tree, node, "arm,psci-suspend-param", NULL);
}

/* The first domain is where Linux looks for a CPU's states, before cpu-idle-states. */
static bool has_psci_domain(const void *tree, int cpu)
{
	int length, domain;
	const fdt32_t *value = fdt_getprop(tree, cpu, "power-domains", &length);

	if (!value || length < (int)sizeof(*value))
		return false;
	if (tree_has_string(tree, cpu, "power-domain-names", "psci"))
		return true;
	domain = fdt_node_offset_by_phandle(tree, fdt32_ld(value));
	return domain >= 0 && fdt_getprop(tree, domain, "domain-idle-states", NULL);
}

#define STATES_MAX 9	/* of a CPU, as Linux counts: CPUIDLE_STATE_MAX - 1 */

/* As pen/boot/idle.c. Nothing grows: no edit can fail. */
static void drop_psci_states(void *tree, int cpu)
{
	fdt32_t kept[STATES_MAX];
	int length, count = 0;
	const fdt32_t *states;

	if (has_psci_domain(tree, cpu)) {
		fdt_delprop(tree, cpu, "power-domains");
		fdt_delprop(tree, cpu, "power-domain-names");
	}
	states = fdt_getprop(tree, cpu, "cpu-idle-states", &length);
	if (!states)
		return;
	for (int i = 0; i < STATES_MAX && (i + 1) * (int)sizeof(*states) <= length; i++)
		if (!needs_psci(tree, fdt32_ld(&states[i])))
			kept[count++] = states[i];
	if (count)
		fdt_setprop(tree, cpu, "cpu-idle-states", kept, count * sizeof(*kept));
	else
		fdt_delprop(tree, cpu, "cpu-idle-states");
}

static int put_cpu(void *tree, int node, const struct roundpen_cpu *cpu)
{
	int error;

	if (tree_string_is(tree, node, "enable-method", "psci"))
		drop_psci_states(tree, node);
	error = fdt_setprop_string(tree, node, "enable-method", "spin-table");
	if (!error)
		error = fdt_setprop_u64(tree, node, "cpu-release-addr", cpu->release_word);
	if (!error)
		error = fdt_setprop_u64(tree, node, "cpu-return-addr", cpu->return_entry);
	return error;
}

/* Contract, T1 and T2. */
static int put_cpus(void *tree, const struct roundpen_pen *pen)
{
	struct tree_cpus cpus;
	int error = 0;

	if (!tree_cpus_begin(tree, &cpus))
		return -FDT_ERR_BADNCELLS;
	while (!error && tree_cpus_next(tree, &cpus)) {
		const struct roundpen_cpu *cpu = tree_cpu_of(pen, cpus.mpidr);

		if (cpu)
			error = put_cpu(tree, cpus.node, cpu);
	}
	return error;
}

static int put_offer(void *tree)
{
	int chosen = fdt_path_offset(tree, "/chosen");

	if (chosen == -FDT_ERR_NOTFOUND)
		chosen = fdt_add_subnode(tree, 0, "chosen");
	if (chosen < 0)
		return chosen;
	return fdt_setprop_string(tree, chosen, CHOSEN_OFFER, "return");
}

int roundpen_tree_edit(void *tree, const struct roundpen_pen *pen)
{
	int error = drop_stale(tree);

	if (!error)
		error = put_region(tree, pen);
	if (!error)
		error = put_cpus(tree, pen);
	if (!error)
		error = put_offer(tree);
	return error;
}

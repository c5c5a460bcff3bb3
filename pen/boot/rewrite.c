/* SPDX-License-Identifier: BSD-2-Clause */
/* The copy of the tree, and the edits that make it tell the truth. */
#include "boot.h"
#include <libfdt.h>
#include <string.h>

/* Two nodes with their properties, and per CPU a method and perhaps a status. */
#define GROWTH 4096
#define GROWTH_PER_CPU 64

static uint32_t reason_of(int error)
{
	if (error >= 0)
		return REFUSAL_NONE;
	return error == -FDT_ERR_NOSPACE ? REFUSAL_TREE_FULL : REFUSAL_TREE_BAD;
}

/* Bytes that the copy takes: the tree, room for our edits, never above booting.rst's limit. */
size_t work_size(const void *tree)
{
	size_t wanted = fdt_totalsize(tree) + GROWTH + SLOT_MAX * GROWTH_PER_CPU;

	return wanted < TREE_MAX ? wanted : TREE_MAX;
}

uint32_t copy_tree(const void *tree, const struct places *places)
{
	size_t size = work_size(tree);
	struct range copy = {places->work.start, places->work.start + size};

	cache_clean_invalidate(copy);
	return reason_of(fdt_open_into(tree, (void *)copy.start, (int)size));
}

static int put_cells(fdt32_t *to, uint64_t value, int cells)
{
	if (cells == 2)
		fdt32_st(to, (uint32_t)(value >> 32));
	fdt32_st(to + cells - 1, (uint32_t)value);
	return cells;
}

/* Linux takes /reserved-memory only with the cell counts of the root and with ranges. */
static int reserved_memory(void *tree, int cells[2])
{
	int node = fdt_path_offset(tree, "/reserved-memory");

	if (node != -FDT_ERR_NOTFOUND)
		return node;
	node = fdt_add_subnode(tree, 0, "reserved-memory");
	if (node < 0)
		return node;
	if (fdt_setprop_u32(tree, node, "#address-cells", (uint32_t)cells[0]) ||
	    fdt_setprop_u32(tree, node, "#size-cells", (uint32_t)cells[1]) ||
	    fdt_setprop_empty(tree, node, "ranges"))
		return -FDT_ERR_NOSPACE;
	return node;
}

/* "roundpen@<address>": the unit address in hexadecimal, without leading zeros. */
static void node_name(char *name, uint64_t address)
{
	const char digits[] = "0123456789abcdef";
	int shift = 60;

	memcpy(name, NODE_NAME "@", sizeof(NODE_NAME));
	name += sizeof(NODE_NAME);
	while (shift && !(address >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*name++ = digits[address >> shift & 0xf];
	*name = '\0';
}

uint32_t reserve_region(void *tree, uint64_t reserved)
{
	char name[sizeof(NODE_NAME) + 1 + 16];
	fdt32_t reg[4];
	int cells[2], parent, node, used;

	if (!root_cells(tree, cells) || (cells[0] == 1 && reserved >> 32))
		return REFUSAL_CELLS_BAD;
	parent = reserved_memory(tree, cells);
	if (parent < 0)
		return reason_of(parent);
	node_name(name, reserved);
	node = fdt_add_subnode(tree, parent, name);
	if (node < 0)
		return reason_of(node);
	used = put_cells(reg, reserved, cells[0]);
	used += put_cells(reg + used, RESERVED_SIZE, cells[1]);
	if (fdt_setprop_string(tree, node, "compatible", COMPATIBLE) ||
	    fdt_setprop(tree, node, "reg", reg, used * 4) ||
	    fdt_setprop_empty(tree, node, "no-map"))
		return REFUSAL_TREE_FULL;
	return REFUSAL_NONE;
}

/*
 * Linux takes the first node that calls itself PSCI, and does without when that
 * one is disabled: where there is one already it has to become ours. What it
 * promised the firmware lacks, or the CPUs would not be in a spin-table.
 */
static uint32_t declare_psci(void *tree, int node)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

	if (node < 0)
		node = fdt_add_subnode(tree, 0, "psci");
	if (node == -FDT_ERR_EXISTS)
		node = fdt_path_offset(tree, "/psci");
	if (node < 0)
		return reason_of(node);
	fdt_delprop(tree, node, "status");
	if (fdt_setprop(tree, node, "compatible", compatible, sizeof(compatible)) ||
	    fdt_setprop_string(tree, node, "method", "hvc"))
		return REFUSAL_TREE_FULL;
	return REFUSAL_NONE;
}

/*
 * Is the node's method ours to change? One that is marked as failed is none of
 * Linux's CPUs since 5.18; for an older kernel it has to stay what it was, save
 * that a firmware's loop may no longer be called.
 */
static bool is_ours(const void *tree, const struct cpus *cpus)
{
	return !cpus->failed || string_is(tree, cpus->node, "enable-method", "spin-table");
}

static uint32_t switch_cpus(void *tree)
{
	struct idle_states known = {.count = 0};
	struct cpus cpus;

	cpus_begin(tree, &cpus);
	while (cpus_next(tree, &cpus)) {
		if (!is_ours(tree, &cpus))
			continue;
		fdt_delprop(tree, cpus.node, "cpu-release-addr");
		drop_idle_states(tree, cpus.node, &known);
		if (fdt_setprop_string(tree, cpus.node, "enable-method", "psci"))
			return REFUSAL_TREE_FULL;
	}
	return REFUSAL_NONE;
}

uint32_t say_in_chosen(void *tree, const char *name, const char *value)
{
	int chosen = fdt_path_offset(tree, "/chosen");

	if (chosen == -FDT_ERR_NOTFOUND)
		chosen = fdt_add_subnode(tree, 0, "chosen");
	if (chosen < 0)
		return reason_of(chosen);
	return reason_of(fdt_setprop_string(tree, chosen, name, value));
}

/* `psci_node` is an offset in the tree as received: that node comes first. */
uint32_t offer_psci(void *tree, uint64_t reserved, int psci_node)
{
	uint32_t reason = declare_psci(tree, psci_node);

	if (!reason)
		reason = reserve_region(tree, reserved);
	if (!reason)
		reason = switch_cpus(tree);
	if (!reason)
		reason = say_in_chosen(tree, CHOSEN_OFFER, "psci");
	return reason;
}

/* Contract, T1 and T2. Slots are numbered as survey() counted. */
static uint32_t give_return_addresses(void *tree, uint64_t reserved)
{
	uint64_t word = reserved + SLOT_OFFSET;
	struct cpus cpus;

	cpus_begin(tree, &cpus);
	for (; cpus_next(tree, &cpus); word += SLOT_SIZE) {
		if (!is_ours(tree, &cpus))
			continue;
		if (fdt_setprop_string(tree, cpus.node, "enable-method", "spin-table") ||
		    fdt_setprop_u64(tree, cpus.node, "cpu-release-addr", word) ||
		    fdt_setprop_u64(tree, cpus.node, "cpu-return-addr", reserved + RESIDENT_RETURN))
			return REFUSAL_TREE_FULL;
	}
	return REFUSAL_NONE;
}

uint32_t offer_return(void *tree, uint64_t reserved)
{
	uint32_t reason = reserve_region(tree, reserved);

	if (!reason)
		reason = give_return_addresses(tree, reserved);
	if (!reason)
		reason = say_in_chosen(tree, CHOSEN_OFFER, "return");
	return reason;
}

/*
 * Linux (since 5.18) leaves CPUs with this status out of the possible ones. Room
 * was made by copy_tree(); older kernels learn it from CPU_ON.
 */
void mark_failed(void *tree, uint64_t mpidr)
{
	struct cpus cpus;

	cpus_begin(tree, &cpus);
	while (cpus_next(tree, &cpus)) {
		if (cpus.mpidr != mpidr)
			continue;
		/* Whoever marked it before us may have said why. */
		if (!cpus.failed)
			fdt_setprop_string(tree, cpus.node, "status", "fail");
		return;
	}
}

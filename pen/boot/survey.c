/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tree says of the CPUs, and of a pen that is there already. */
#include "boot.h"
#include <libfdt.h>
#include <string.h>

/* How this CPU is started. Linux asks its own node only, whatever /cpus says. */
static uint32_t check_method(const void *tree, int node, struct cpu *cpu)
{
	if (string_is(tree, node, "enable-method", "psci"))
		return REFUSAL_PSCI_PRESENT;
	if (!string_is(tree, node, "enable-method", "spin-table"))
		return REFUSAL_NOT_SPIN_TABLE;
	/* Linux would write to an unaligned word; with caches off that is a fault. */
	if (!release_word(tree, node, &cpu->release) || !cpu->release || cpu->release & 7)
		return REFUSAL_RELEASE_WORD_BAD;
	return REFUSAL_NONE;
}

static bool known(const struct board *board, uint64_t mpidr)
{
	for (uint32_t number = 0; number < board->cpu_count; number++)
		if (board->cpus[number].mpidr == mpidr)
			return true;
	return false;
}

/* The first reason that a CPU gives; what makes all of them unusable comes before it. */
static uint32_t survey_cpus(const void *tree, uint64_t own_mpidr, struct board *board)
{
	struct cpus cpus;
	uint32_t reason = REFUSAL_NONE, secondaries = 0;
	bool boot_cpu_seen = false, readable = cpus_begin(tree, &cpus);

	if (cpus.parent < 0)
		return REFUSAL_BOOT_CPU_UNKNOWN;
	if (!readable)
		return REFUSAL_CELLS_BAD;
	while (cpus_next(tree, &cpus)) {
		struct cpu *cpu = &board->cpus[board->cpu_count];

		if (known(board, cpus.mpidr))
			return REFUSAL_DUPLICATE_CPU;
		if (board->cpu_count == SLOT_MAX)
			return REFUSAL_TOO_MANY_CPUS;
		cpu->mpidr = cpus.mpidr;
		cpu->out_of_use = cpus.failed;
		if (!cpus.failed && cpus.mpidr == own_mpidr) {
			board->boot_cpu = board->cpu_count;
			boot_cpu_seen = true;
		} else if (!cpus.failed) {
			secondaries++;
			if (!reason)
				reason = check_method(tree, cpus.node, cpu);
		}
		board->cpu_count++;
	}
	if (!boot_cpu_seen)
		return REFUSAL_BOOT_CPU_UNKNOWN;
	if (!secondaries)
		return REFUSAL_NO_SECONDARIES;
	if (cpus.more_than_one_id && !each_has_its_node(tree, board))
		return REFUSAL_DUPLICATE_CPU;
	return reason;
}

uint32_t survey(const void *tree, uint64_t own_mpidr, uint32_t offer, struct board *board)
{
	uint32_t reason = survey_cpus(tree, own_mpidr, board);
	int cells[2];

	if (reason)
		return reason;
	if (!root_cells(tree, cells))
		return REFUSAL_CELLS_BAD;
	if (!reservations_count(tree))
		return REFUSAL_RESERVATIONS_IGNORED;
	return look_around(tree, offer, board);
}

/*
 * Calls itself a pen, the logbook stands where it says, and this is the level at
 * which it starts kernels? Then it is one; otherwise the node is a leftover, or
 * of a pen that stepped aside.
 */
static bool is_live(uint64_t reserved, uint64_t level)
{
	volatile struct logbook *logbook = logbook_at(reserved);

	if (logbook->magic != LOGBOOK_MAGIC || logbook->base != reserved)
		return false;
	if (logbook->offer == OFFER_RETURN)
		return level == logbook->entry_level;
	return logbook->offer == OFFER_PSCI && level == 1;
}

uint32_t find_live_pen(const void *tree, const struct map *map, uint64_t level,
		       uint64_t *live_pen)
{
	int root[2], parent = fdt_path_offset(tree, "/reserved-memory");
	int node;

	/* Linux takes these with the root's cells or not at all. */
	if (parent < 0 || !root_cells(tree, root))
		return REFUSAL_NONE;
	fdt_for_each_subnode(node, tree, parent) {
		int length;
		uint64_t reserved;
		const void *reg = fdt_getprop(tree, node, "reg", &length);

		if (!reg || length < root[0] * 4 || !has_string(tree, node, "compatible", COMPATIBLE))
			continue;
		reserved = read_cells(reg, root[0]);
		/* The tree may say anything; a look outside RAM could be the last one. */
		if (reserved & (RESERVED_ALIGN - 1) ||
		    !is_ram(map, (struct range){reserved, reserved + RESERVED_SIZE}) ||
		    !is_live(reserved, level))
			continue;
		*live_pen = reserved;
		return REFUSAL_LIVE_PEN;
	}
	return REFUSAL_NONE;
}

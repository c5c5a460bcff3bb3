/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tree says of the CPUs and of the memory that we are about to use. */
#include "boot.h"
#include <libfdt.h>
#include <string.h>

static bool has_device_type(const void *tree, int node, const char *type)
{
	int length;
	const char *value = fdt_getprop(tree, node, "device_type", &length);

	return value && (size_t)length == strlen(type) + 1 && !memcmp(value, type, (size_t)length);
}

/* cpu-release-addr: a u64 (Devicetree Specification 0.4, 3.8.1). */
static bool release_word(const void *tree, int node, uint64_t *word)
{
	int length;
	const void *value = fdt_getprop(tree, node, "cpu-release-addr", &length);

	if (!value || length != 8)
		return false;
	*word = read_cells(value, 2);
	return *word && !(*word & 7);
}

/* How this CPU is started; older trees say it once, in /cpus. */
static uint32_t check_method(const void *tree, int cpus, int node)
{
	if (!fdt_getprop(tree, node, "enable-method", NULL))
		node = cpus;
	if (has_string(tree, node, "enable-method", "psci"))
		return REFUSAL_PSCI_PRESENT;
	if (!has_string(tree, node, "enable-method", "spin-table"))
		return REFUSAL_NOT_SPIN_TABLE;
	return REFUSAL_NONE;
}

static uint32_t add_cpu(const void *tree, int cpus, int node, struct board *board,
			bool is_boot_cpu)
{
	struct cpu *cpu = &board->cpus[board->cpu_count];
	uint32_t reason;

	if (is_boot_cpu) {
		board->boot_cpu = board->cpu_count++;
		return REFUSAL_NONE;
	}
	cpu->out_of_use = has_string(tree, node, "status", "fail");
	board->cpu_count++;
	if (cpu->out_of_use)
		return REFUSAL_NONE;
	reason = check_method(tree, cpus, node);
	if (!reason && !release_word(tree, node, &cpu->release))
		reason = REFUSAL_RELEASE_WORD_BAD;
	return reason;
}

static bool known(const struct board *board, uint64_t mpidr)
{
	for (uint32_t number = 0; number < board->cpu_count; number++)
		if (board->cpus[number].mpidr == mpidr)
			return true;
	return false;
}

uint32_t survey(const void *tree, uint64_t own_mpidr, struct board *board)
{
	int cpus = fdt_path_offset(tree, "/cpus");
	int cells = cpus < 0 ? 1 : cells_of(tree, cpus, "#address-cells", 1);
	uint32_t reason = REFUSAL_NONE;
	bool boot_cpu_seen = false;
	int node;

	if (cpus < 0)
		return REFUSAL_BOOT_CPU_UNKNOWN;
	if (cells < 1 || cells > 2)
		return REFUSAL_CELLS_BAD;
	fdt_for_each_subnode(node, tree, cpus) {
		int length;
		const void *reg = fdt_getprop(tree, node, "reg", &length);
		uint64_t mpidr;
		uint32_t found;

		if (!has_device_type(tree, node, "cpu"))
			continue;
		if (!reg || length != cells * 4)
			return REFUSAL_CELLS_BAD;
		mpidr = read_cells(reg, cells) & MPIDR_AFFINITY;
		if (known(board, mpidr))
			return REFUSAL_DUPLICATE_CPU;
		if (board->cpu_count == SLOT_MAX)
			return REFUSAL_TOO_MANY_CPUS;
		board->cpus[board->cpu_count].mpidr = mpidr;
		found = add_cpu(tree, cpus, node, board, mpidr == own_mpidr);
		boot_cpu_seen |= mpidr == own_mpidr;
		if (!reason)
			reason = found;
	}
	if (!boot_cpu_seen)
		return REFUSAL_BOOT_CPU_UNKNOWN;
	return board->cpu_count == 1 ? REFUSAL_NO_SECONDARIES : reason;
}

/* Is `wanted` touched by, or (within) wholly inside, one of the ranges in reg? */
static bool any_range(const void *tree, int node, int cells[2], struct range wanted, bool within)
{
	int length, entry = cells[0] + cells[1];
	const fdt32_t *reg = fdt_getprop(tree, node, "reg", &length);

	for (; reg && length >= entry * 4; length -= entry * 4, reg += entry) {
		struct range range = {.start = read_cells(reg, cells[0])};

		range.end = range.start + read_cells(reg + cells[0], cells[1]);
		if (within ? range.start <= wanted.start && wanted.end <= range.end
			   : overlap(range, wanted))
			return true;
	}
	return false;
}

static bool is_ram(const void *tree, int cells[2], struct range wanted)
{
	int node;

	fdt_for_each_subnode(node, tree, 0)
		if (has_device_type(tree, node, "memory") &&
		    any_range(tree, node, cells, wanted, true))
			return true;
	return false;
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

uint32_t find_live_pen(const void *tree, uint64_t level, uint64_t *live_pen)
{
	int root[2], parent = fdt_path_offset(tree, "/reserved-memory");
	int cells = parent < 0 ? 0 : cells_of(tree, parent, "#address-cells", 2);
	int node;

	if (cells < 1 || cells > 2 || !bus_cells(tree, 0, root))
		return REFUSAL_NONE;
	fdt_for_each_subnode(node, tree, parent) {
		int length;
		uint64_t reserved;
		const void *reg = fdt_getprop(tree, node, "reg", &length);

		if (!reg || length < cells * 4 || !has_string(tree, node, "compatible", COMPATIBLE))
			continue;
		reserved = read_cells(reg, cells);
		/* The tree may say anything; a look outside RAM could be the last one. */
		if (reserved & (RESERVED_ALIGN - 1) ||
		    !is_ram(tree, root, (struct range){reserved, reserved + RESERVED_SIZE}) ||
		    !is_live(reserved, level))
			continue;
		*live_pen = reserved;
		return REFUSAL_LIVE_PEN;
	}
	return REFUSAL_NONE;
}

static bool is_reserved(const void *tree, struct range wanted)
{
	int parent = fdt_path_offset(tree, "/reserved-memory");
	int cells[2], node;

	for (int i = 0; i < fdt_num_mem_rsv(tree); i++) {
		uint64_t start, size;

		if (!fdt_get_mem_rsv(tree, i, &start, &size) &&
		    overlap((struct range){start, start + size}, wanted))
			return true;
	}
	if (parent < 0 || !bus_cells(tree, parent, cells))
		return false;
	fdt_for_each_subnode(node, tree, parent)
		if (any_range(tree, node, cells, wanted, false))
			return true;
	return false;
}

static bool is_initrd(const void *tree, struct range wanted)
{
	int chosen = fdt_path_offset(tree, "/chosen");
	int start_length, end_length;
	const void *start, *end;

	if (chosen < 0)
		return false;
	start = fdt_getprop(tree, chosen, "linux,initrd-start", &start_length);
	end = fdt_getprop(tree, chosen, "linux,initrd-end", &end_length);
	if (!start || !end || start_length > 8 || end_length > 8)
		return false;
	return overlap((struct range){read_cells(start, start_length / 4),
				      read_cells(end, end_length / 4)},
		       wanted);
}

static uint32_t check_range(const void *tree, int cells[2], struct range wanted, bool in_ram)
{
	struct range old_tree = {(uint64_t)tree, (uint64_t)tree + fdt_totalsize(tree)};

	if (overlap(old_tree, wanted) || is_reserved(tree, wanted) || is_initrd(tree, wanted))
		return REFUSAL_MEMORY_OVERLAP;
	return in_ram || is_ram(tree, cells, wanted) ? REFUSAL_NONE : REFUSAL_MEMORY_OUTSIDE;
}

/*
 * image_size says that this memory is ours; does the tree contradict it? One
 * bank of RAM usually holds all from `reserved` to `work`: one walk for both.
 */
struct memory_check check_memory(const void *tree, struct range reserved, struct range work)
{
	struct memory_check check = {REFUSAL_CELLS_BAD, REFUSAL_CELLS_BAD};
	int cells[2];
	bool in_ram;

	if (!bus_cells(tree, 0, cells))
		return check;
	in_ram = is_ram(tree, cells, (struct range){reserved.start, work.end});
	check.reserved = check_range(tree, cells, reserved, in_ram);
	check.work = check_range(tree, cells, work, in_ram);
	return check;
}

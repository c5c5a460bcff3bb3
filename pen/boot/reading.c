/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How Linux reads what the pen reads: docs/reading.md has the kernel's function
 * beside each of these, and roundpen/check/reading.py answers the same.
 *
 * Strings are compared as the kernel does, by strcmp() on the value itself: the
 * first string counts, and one without an end ends in the padding or the token
 * behind it, which begins with a zero byte.
 */
#include "boot.h"
#include <libfdt.h>
#include <string.h>

#define CELLS_DEFAULT 1 /* OF_ROOT_NODE_ADDR_CELLS_DEFAULT, _SIZE_CELLS_DEFAULT */

static bool begins(const char *string, const char *start)
{
	while (*start && *string == *start) {
		string++;
		start++;
	}
	return !*start;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static char lower(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
}

static bool same_in_any_case(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

/* Is this the first string of the property? */
bool string_is(const void *tree, int node, const char *name, const char *wanted)
{
	const char *value = fdt_getprop(tree, node, name, NULL);

	return value && same(value, wanted);
}

bool has_device_type(const void *tree, int node, const char *type)
{
	return string_is(tree, node, "device_type", type);
}

/*
 * Is any of the strings, `length` bytes of them, one of `wanted`, whatever its
 * case? All that we ask for begins with "arm,": of nearly every string one
 * letter is looked at, because this is asked of every node with the caches off.
 */
bool is_compatible(const char *string, int length, const char (*wanted)[NAME_SIZE], int count)
{
	const char *end = string + length;

	while (string < end) {
		if (lower(*string) == 'a')
			for (int i = 0; i < count; i++)
				if (same_in_any_case(string, wanted[i]))
					return true;
		while (*string++)
			;
	}
	return false;
}

/* The first cell of a property; false when it is missing or shorter. */
bool first_cell(const void *tree, int node, const char *name, uint32_t *cell)
{
	int length;
	const fdt32_t *value = fdt_getprop(tree, node, name, &length);

	if (!value || length < (int)sizeof(*value))
		return false;
	*cell = fdt32_ld(value);
	return true;
}

/* -1 for what no number of cells can be; nobody who asks wants more than two. */
static int as_count(uint32_t cells)
{
	return cells <= 2 ? (int)cells : -1;
}

/* Cells below the last of the line: who does not say how many has those of the node above. */
int cells_below(const void *tree, const struct lineage *lineage, int depth, const char *name)
{
	uint32_t cells;

	for (; depth >= 0; depth--)
		if (first_cell(tree, lineage->nodes[depth], name, &cells))
			return as_count(cells);
	return CELLS_DEFAULT;
}

/* The same below a child of the root. */
static int cells_below_child(const void *tree, int node, const char *name)
{
	struct lineage lineage = {.nodes = {0, node}};

	return cells_below(tree, &lineage, 1, name);
}

/* How wide addresses and sizes are below the root or a child of it; false unless one or two. */
bool bus_cells(const void *tree, int node, int cells[2])
{
	cells[0] = cells_below_child(tree, node, "#address-cells");
	cells[1] = cells_below_child(tree, node, "#size-cells");
	return cells[0] >= 1 && cells[0] <= 2 && cells[1] >= 1 && cells[1] <= 2;
}

static bool missing_or_whole(const void *tree, int node, const char *name)
{
	uint32_t cells;

	return !fdt_getprop(tree, node, name, NULL) || first_cell(tree, node, name, &cells);
}

/* The same for memory. Of a property that is too short Linux reads what lies behind it. */
bool root_cells(const void *tree, int cells[2])
{
	return missing_or_whole(tree, 0, "#address-cells") &&
	       missing_or_whole(tree, 0, "#size-cells") && bus_cells(tree, 0, cells);
}

bool is_available(const void *tree, int node)
{
	return !fdt_getprop(tree, node, "status", NULL) ||
	       string_is(tree, node, "status", "okay") || string_is(tree, node, "status", "ok");
}

bool is_failed(const void *tree, int node)
{
	const char *status = fdt_getprop(tree, node, "status", NULL);

	return status && (same(status, "fail") || begins(status, "fail-"));
}

/* A node's name without its unit address, and without what should not stand before a "/". */
static bool is_called(const void *tree, int node, const char *name, bool with_unit)
{
	const char *found = fdt_get_name(tree, node, NULL);
	const char *slash = strrchr(found, '/');

	if (slash)
		found = slash + 1;
	if (!begins(found, name))
		return false;
	found += strlen(name);
	return !*found || (with_unit && *found == '@');
}

/* /cpus: called so, and nothing else. */
int cpus_node(const void *tree)
{
	int node;

	fdt_for_each_subnode(node, tree, 0)
		if (is_called(tree, node, "cpus", false))
			return node;
	return -FDT_ERR_NOTFOUND;
}

bool is_cpu(const void *tree, int node)
{
	return is_called(tree, node, "cpu", true) || has_device_type(tree, node, "cpu");
}

/* The CPUs of the tree, in its order. False when ids are not one or two cells wide. */
bool cpus_begin(const void *tree, struct cpus *cpus)
{
	cpus->parent = cpus_node(tree);
	cpus->node = -1;
	cpus->more_than_one_id = false;
	cpus->cells = cpus->parent < 0 ? CELLS_DEFAULT
				       : cells_below_child(tree, cpus->parent, "#address-cells");
	return cpus->cells == 1 || cpus->cells == 2;
}

static bool next_node(const void *tree, struct cpus *cpus)
{
	do {
		cpus->node = cpus->node < 0 ? fdt_first_subnode(tree, cpus->parent)
					    : fdt_next_subnode(tree, cpus->node);
	} while (cpus->node >= 0 && !is_cpu(tree, cpus->node));
	return cpus->node >= 0;
}

/*
 * The next CPU node that the pen has to do with. Linux leaves out one with an id
 * that no CPU has, or none: so do we, whatever else the node says. Edits of the
 * node itself are allowed between two calls.
 */
bool cpus_next(const void *tree, struct cpus *cpus)
{
	while (cpus->parent >= 0 && next_node(tree, cpus)) {
		int length;
		const void *reg = fdt_getprop(tree, cpus->node, "reg", &length);

		if (!reg || length < cpus->cells * 4)
			continue;
		cpus->failed = is_failed(tree, cpus->node);
		if (length >= cpus->cells * 8 && !cpus->failed)
			cpus->more_than_one_id = true;
		cpus->mpidr = read_cells(reg, cpus->cells);
		if (!(cpus->mpidr & ~MPIDR_AFFINITY))
			return true;
	}
	return false;
}

/*
 * Linux finds the node of a CPU by any of the ids in its reg and takes the first
 * node. Is that for each CPU the one whose first id it is?
 */
bool each_has_its_node(const void *tree, const struct board *board)
{
	for (uint32_t number = 0; number < board->cpu_count; number++) {
		struct cpus cpus;
		bool found = board->cpus[number].out_of_use;

		cpus_begin(tree, &cpus);
		while (!found && next_node(tree, &cpus)) {
			int length;
			const fdt32_t *reg = fdt_getprop(tree, cpus.node, "reg", &length);

			if (!reg || is_failed(tree, cpus.node))
				continue;
			for (int i = 0; !found && (i + cpus.cells) * 4 <= length; i += cpus.cells) {
				found = read_cells(reg + i, cpus.cells) ==
					board->cpus[number].mpidr;
				if (found && i)
					return false;
			}
		}
	}
	return true;
}

/* Firmware's word, as Linux takes it: the first eight bytes of what may be longer. */
bool release_word(const void *tree, int node, uint64_t *word)
{
	int length;
	const void *value = fdt_getprop(tree, node, "cpu-release-addr", &length);

	if (!value || length < 8)
		return false;
	*word = read_cells(value, 2);
	return true;
}

/* RAM: a child of the root that Linux takes memory from; `property` says where it is. */
bool is_memory(const void *tree, int node, const char **property)
{
	if (!has_device_type(tree, node, "memory") || !is_available(tree, node))
		return false;
	*property = fdt_getprop(tree, node, "linux,usable-memory", NULL) ? "linux,usable-memory"
									 : "reg";
	return true;
}

static bool cells_are(const void *tree, int node, const char *name, int wanted)
{
	uint32_t cells;

	return first_cell(tree, node, name, &cells) && cells == (uint32_t)wanted;
}

/* Does Linux keep away from what /reserved-memory names? It does not tell anybody else. */
bool reservations_count(const void *tree)
{
	int cells[2], node = fdt_path_offset(tree, "/reserved-memory");

	if (node < 0)
		return true;
	return root_cells(tree, cells) && cells_are(tree, node, "#address-cells", cells[0]) &&
	       cells_are(tree, node, "#size-cells", cells[1]) &&
	       fdt_getprop(tree, node, "ranges", NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading single facts out of a tree (Devicetree Specification 0.4, 2.3). */
#include "boot.h"
#include <libfdt.h>
#include <string.h>

uint64_t read_cells(const void *value, int cells)
{
	const fdt32_t *cell = value;
	uint64_t number = 0;

	while (cells-- > 0)
		number = number << 32 | fdt32_ld(cell++);
	return number;
}

bool has_string(const void *tree, int node, const char *property, const char *string)
{
	return fdt_stringlist_search(tree, node, property, string) >= 0;
}

/* One step up: from the addresses of the bus at `depth` to those of its parent. */
static bool translate_step(const void *tree, const struct lineage *lineage, int depth,
			   uint64_t *address)
{
	int length;
	const fdt32_t *range = fdt_getprop(tree, lineage->nodes[depth], "ranges", &length);
	int child_cells = cells_below(tree, lineage, depth, "#address-cells");
	int size_cells = cells_below(tree, lineage, depth, "#size-cells");
	int parent_cells = cells_below(tree, lineage, depth - 1, "#address-cells");
	int entry = child_cells + parent_cells + size_cells;

	if (!range || child_cells < 1 || child_cells > 2 || size_cells < 1 || size_cells > 2 ||
	    parent_cells < 1 || parent_cells > 2)
		return false;
	if (!length)
		return true;
	for (; length >= entry * 4; length -= entry * 4, range += entry) {
		uint64_t from = read_cells(range, child_cells);
		uint64_t size = read_cells(range + child_cells + parent_cells, size_cells);

		if (*address - from < size) {
			*address = *address - from + read_cells(range + child_cells, parent_cells);
			return true;
		}
	}
	return false;
}

/*
 * The next node in the tree's order, with all its ancestors. False at the end.
 * Linux has no nodes in its tree either that are too deep for a lineage.
 */
bool next_with_ancestors(const void *tree, struct lineage *lineage)
{
	int node = lineage->depth < 0 ? -1 : lineage->nodes[lineage->depth];

	do {
		node = fdt_next_node(tree, node, &lineage->depth);
		if (node < 0 || lineage->depth < 0)
			return false;
	} while (lineage->depth >= LINEAGE_MAX);
	lineage->nodes[lineage->depth] = node;
	return true;
}

/* The first `reg` address of the last of the line, as a physical address of the CPUs. */
bool physical_reg(const void *tree, const struct lineage *lineage, uint64_t *address)
{
	int depth = lineage->depth, length, cells;
	const void *reg = fdt_getprop(tree, lineage->nodes[depth], "reg", &length);

	if (!reg || depth < 1)
		return false;
	cells = cells_below(tree, lineage, depth - 1, "#address-cells");
	if (cells < 1 || cells > 2 || length < cells * 4)
		return false;
	*address = read_cells(reg, cells);
	for (depth--; depth > 0; depth--)
		if (!translate_step(tree, lineage, depth, address))
			return false;
	return true;
}

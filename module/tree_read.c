// SPDX-License-Identifier: GPL-2.0-only
/* Reading a device tree as Linux does, for tree_check.c and tree_edit.c. */
#include "tree.h"

#define CELLS_DEFAULT 1	/* OF_ROOT_NODE_ADDR_CELLS_DEFAULT, _SIZE_CELLS_DEFAULT */

/*
 * Is this the first string of the property? One without an end goes on, for Linux
 * and for us, into the padding or the token behind it, which begins with a zero.
 */
bool tree_string_is(const void *tree, int node, const char *name, const char *wanted)
{
	const char *value = fdt_getprop(tree, node, name, NULL);

	return value && !strcmp(value, wanted);
}

/* Is this one of them? */
bool tree_has_string(const void *tree, int node, const char *name, const char *wanted)
{
	int length;
	const char *value = fdt_getprop(tree, node, name, &length);

	return value && fdt_stringlist_contains(value, length, wanted);
}

bool tree_is_available(const void *tree, int node)
{
	return !fdt_getprop(tree, node, "status", NULL) ||
	       tree_string_is(tree, node, "status", "okay") ||
	       tree_string_is(tree, node, "status", "ok");
}

/* Linux passes over such a CPU since 5.18. */
bool tree_is_failed(const void *tree, int node)
{
	const char *value = fdt_getprop(tree, node, "status", NULL);

	return value && !strncmp(value, "fail", 4) && (!value[4] || value[4] == '-');
}

u64 tree_read(const fdt32_t *value, int cells)
{
	u64 number = 0;

	while (cells--)
		number = number << 32 | fdt32_ld(value++);
	return number;
}

/* Of at most two cells, as many as the property has: so Linux reads the initrd's place. */
bool tree_number(const void *tree, int node, const char *name, u64 *number)
{
	int length;
	const fdt32_t *value = fdt_getprop(tree, node, name, &length);

	if (!value || length > 8)
		return false;
	*number = tree_read(value, length / 4);
	return true;
}

/* The CPU of this kernel's that has the id, or NULL. */
const struct roundpen_cpu *tree_cpu_of(const struct roundpen_pen *pen, u64 mpidr)
{
	for (unsigned int number = 0; number < pen->count; number++)
		if (pen->cpus[number].mpidr == mpidr)
			return &pen->cpus[number];
	return NULL;
}

/* 1 or 2 as the property has it; @missing when there is none; 0 for anything else. */
static int cell_count(const void *tree, int node, const char *name, int missing)
{
	int length;
	const fdt32_t *value = fdt_getprop(tree, node, name, &length);
	u32 count;

	if (!value)
		return missing;
	if (length != sizeof(*value))
		return 0;
	count = fdt32_ld(value);
	return count == 1 || count == 2 ? count : 0;
}

/* False unless addresses and sizes below the root are of one or two cells. */
bool tree_root_cells(const void *tree, struct tree_cells *cells)
{
	cells->address = cell_count(tree, 0, "#address-cells", CELLS_DEFAULT);
	cells->size = cell_count(tree, 0, "#size-cells", CELLS_DEFAULT);
	return cells->address && cells->size;
}

/* Does the node say so itself? Linux asks it of /reserved-memory. */
bool tree_same_cells(const void *tree, int node, const struct tree_cells *cells)
{
	return cell_count(tree, node, "#address-cells", 0) == cells->address &&
	       cell_count(tree, node, "#size-cells", 0) == cells->size;
}

/*
 * The child of the root that is called so, and that nothing else can be taken for:
 * with a unit address Linux 6.12 finds it by fdt_path_offset() and 6.1 does not,
 * and of two it takes the first. -FDT_ERR_NOTFOUND, or -FDT_ERR_EXISTS for more.
 */
int tree_only_child(const void *tree, const char *name)
{
	int node, found = -FDT_ERR_NOTFOUND;
	size_t length = strlen(name);

	fdt_for_each_subnode(node, tree, 0) {
		const char *called = fdt_get_name(tree, node, NULL);

		if (!called || strncmp(called, name, length))
			continue;
		if (called[length] && called[length] != '@')
			continue;
		if (called[length] || found >= 0)
			return -FDT_ERR_EXISTS;
		found = node;
	}
	return found;
}

static bool is_cpu(const void *tree, int node)
{
	const char *called = fdt_get_name(tree, node, NULL);

	if (called && !strncmp(called, "cpu", 3) && (!called[3] || called[3] == '@'))
		return true;
	return tree_string_is(tree, node, "device_type", "cpu");
}

/* False when there is no /cpus, more than one, or ids are not of one or two cells. */
bool tree_cpus_begin(const void *tree, struct tree_cpus *cpus)
{
	cpus->parent = tree_only_child(tree, "cpus");
	cpus->node = -1;
	if (cpus->parent < 0)
		return false;
	cpus->cells = cell_count(tree, cpus->parent, "#address-cells",
				 cell_count(tree, 0, "#address-cells", CELLS_DEFAULT));
	return cpus->cells;
}

/* The next CPU node with an id: one that no CPU has, too. */
bool tree_cpus_next(const void *tree, struct tree_cpus *cpus)
{
	int length;

	for (;;) {
		cpus->node = cpus->node < 0 ? fdt_first_subnode(tree, cpus->parent)
					    : fdt_next_subnode(tree, cpus->node);
		if (cpus->node < 0)
			return false;
		if (!is_cpu(tree, cpus->node))
			continue;
		cpus->reg = fdt_getprop(tree, cpus->node, "reg", &length);
		if (!cpus->reg || length < cpus->cells * 4)
			continue;
		cpus->ids = length / (cpus->cells * 4);
		cpus->mpidr = tree_read(cpus->reg, cpus->cells);
		return true;
	}
}

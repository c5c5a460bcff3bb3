/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How Linux reads what tree_check.c and tree_edit.c look at: docs/reading.md says
 * where in its sources. Compiles on a host too; every tree given is one that
 * fdt_check_full() has accepted.
 */
#ifndef ROUNDPEN_TREE_H
#define ROUNDPEN_TREE_H

#include <linux/libfdt_env.h>
#include <linux/types.h>
#include <libfdt.h>
#include "roundpen.h"

/* Of addresses and sizes below a node; one or two of each. */
struct tree_cells {
	int address, size;
};

/* A walk over the CPU nodes: starts with tree_cpus_begin(), edits of the node are allowed. */
struct tree_cpus {
	int parent, node;
	int cells;		/* of an id */
	int ids;		/* how many the node's reg has; what it has is in `reg` */
	const fdt32_t *reg;
	u64 mpidr;		/* the first */
};

bool tree_string_is(const void *tree, int node, const char *name, const char *wanted);
bool tree_has_string(const void *tree, int node, const char *name, const char *wanted);
bool tree_is_available(const void *tree, int node);
bool tree_is_failed(const void *tree, int node);
u64 tree_read(const fdt32_t *value, int cells);
bool tree_number(const void *tree, int node, const char *name, u64 *number);
const struct roundpen_cpu *tree_cpu_of(const struct roundpen_pen *pen, u64 mpidr);
bool tree_root_cells(const void *tree, struct tree_cells *cells);
bool tree_same_cells(const void *tree, int node, const struct tree_cells *cells);
int tree_only_child(const void *tree, const char *name);
bool tree_cpus_begin(const void *tree, struct tree_cpus *cpus);
bool tree_cpus_next(const void *tree, struct tree_cpus *cpus);

#endif

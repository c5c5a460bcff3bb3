// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tree that the next kernel would get, against the pen. What passes here wrong
 * is the worst that can happen: the next kernel allocates the pen's pages while
 * CPUs execute in them. So it is strict: a tree is right or it is refused, and
 * where two kernels read something otherwise it is refused too.
 */
#include "roundpen.h"
#include "tree.h"
#include "contract.h"

#define WORD_APART 256	/* more than any cache writeback granule in use (contract) */

static bool meets(u64 a, u64 a_size, u64 b, u64 b_size)
{
	/* An end that wraps is taken for the end of everything. */
	u64 a_end = a + a_size < a ? U64_MAX : a + a_size;
	u64 b_end = b + b_size < b ? U64_MAX : b + b_size;

	return a < b_end && b < a_end;
}

static const char *check_blob(const void *tree, size_t size)
{
	if (size < sizeof(struct fdt_header))
		return "is cut off";
	if (fdt_magic(tree) != FDT_MAGIC)
		return "is no device tree";
	/* libfdt reads aligned cells, and does not ask whether they are. */
	if (fdt_off_dt_struct(tree) & 3 || fdt_off_mem_rsvmap(tree) & 7)
		return "is damaged";
	switch (fdt_check_full(tree, size)) {
	case 0:
		break;
	case -FDT_ERR_TRUNCATED:
		return "is cut off";
	default:
		return "is damaged";
	}
	/* Before 16 nodes had their whole path for a name. */
	if (fdt_version(tree) < 17 || fdt_last_comp_version(tree) < 16)
		return "is of an old version";
	return fdt_totalsize(tree) > TREE_MAX ? "is larger than 2 MiB" : NULL;
}

/* Linux ignores all of /reserved-memory unless it is so. */
static const char *check_parent(const void *tree, int parent, const struct tree_cells *root)
{
	if (parent == -FDT_ERR_NOTFOUND)
		return "has no /reserved-memory";
	if (parent == -FDT_ERR_EXISTS)
		return "has another node that may be taken for /reserved-memory";
	if (parent < 0)
		return "is damaged";
	if (!tree_same_cells(tree, parent, root))
		return "has a /reserved-memory with other cells than the root's";
	if (!fdt_getprop(tree, parent, "ranges", NULL))
		return "has a /reserved-memory without ranges";
	return NULL;
}

static bool has_our_name(const void *tree, int node)
{
	const size_t length = sizeof(NODE_NAME) - 1;
	const char *called = fdt_get_name(tree, node, NULL);

	return called && !strncmp(called, NODE_NAME, length) &&
	       (!called[length] || called[length] == '@');
}

/* Does the node claim a byte of the pen, or call itself one? Where it means to is asked later. */
static bool is_about_pen(const void *tree, int node, const struct tree_cells *root,
			 const struct roundpen_pen *pen)
{
	int length, entry = root->address + root->size;
	const fdt32_t *reg = fdt_getprop(tree, node, "reg", &length);

	if (has_our_name(tree, node) || tree_has_string(tree, node, "compatible", COMPATIBLE))
		return true;
	for (; reg && length >= entry * 4; length -= entry * 4, reg += entry)
		if (meets(tree_read(reg, root->address),
			  tree_read(reg + root->address, root->size), pen->base, pen->size))
			return true;
	return false;
}

/* Is the pen within one entry? A pen of ours has one, and it says what it was made with. */
static const char *check_reg(const void *tree, int node, const struct tree_cells *root,
			     const struct roundpen_pen *pen)
{
	int length, entry = root->address + root->size;
	const fdt32_t *reg = fdt_getprop(tree, node, "reg", &length);

	if (!reg || !length || length % (entry * 4))
		return "has a node for the pen whose reg is not in the root's cells";
	if (pen->ours && length != entry * 4)
		return "has a node for the pen with more than one place in reg";
	for (; length; length -= entry * 4, reg += entry) {
		u64 start = tree_read(reg, root->address);
		u64 size = tree_read(reg + root->address, root->size);

		if (pen->ours && (start != pen->base || size != pen->size))
			continue;
		if (start <= pen->base && start + size >= start &&
		    start + size >= pen->base + pen->size)
			return NULL;
	}
	return "has a node for the pen at another place or of another size";
}

static const char *check_node(const void *tree, int node, const struct tree_cells *root,
			      const struct roundpen_pen *pen)
{
	const char *wrong = check_reg(tree, node, root, pen);

	if (wrong)
		return wrong;
	if (!tree_is_available(tree, node))
		return "has a node for the pen that is out of use by its status";
	if (!fdt_getprop(tree, node, "no-map", NULL))
		return "has a node for the pen without no-map";
	if (pen->ours && !tree_has_string(tree, node, "compatible", COMPATIBLE))
		return "has a node for the pen that is not compatible with " COMPATIBLE;
	return NULL;
}

static const char *check_reservation(const void *tree, const struct tree_cells *root,
				     const struct roundpen_pen *pen)
{
	int parent = tree_only_child(tree, "reserved-memory");
	int node, found = -FDT_ERR_NOTFOUND;
	const char *wrong = check_parent(tree, parent, root);

	if (wrong)
		return wrong;
	fdt_for_each_subnode(node, tree, parent) {
		if (!is_about_pen(tree, node, root, pen))
			continue;
		if (found >= 0)
			return "has two nodes for the pen's memory";
		found = node;
	}
	if (found < 0)
		return "has no node for the pen under /reserved-memory";
	return check_node(tree, found, root, pen);
}

static bool initrd_meets(const void *tree, const struct roundpen_pen *pen)
{
	int chosen = fdt_path_offset(tree, "/chosen");
	u64 from, to;

	if (chosen < 0 || !tree_number(tree, chosen, "linux,initrd-start", &from) ||
	    !tree_number(tree, chosen, "linux,initrd-end", &to))
		return false;
	return to > from && meets(from, to - from, pen->base, pen->size);
}

/*
 * Who else reserves a byte of the pen gets it first: the initrd in every version,
 * /memreserve/ in 6.1. Then Linux answers "-EBUSY" to our no-map
 * (early_init_dt_reserve_memory()), and keeps the pen mapped, cacheable.
 */
static const char *check_others(const void *tree, const struct roundpen_pen *pen)
{
	int count = fdt_num_mem_rsv(tree);
	u64 start, size;

	for (int i = 0; i < count; i++) {
		if (fdt_get_mem_rsv(tree, i, &start, &size))
			return "is damaged";
		if (meets(start, size, pen->base, pen->size))
			return "has a /memreserve/ over the pen, which undoes its no-map";
	}
	return initrd_meets(tree, pen) ? "has an initrd over the pen" : NULL;
}

static bool read_address(const void *tree, int node, const char *name, u64 *address)
{
	int length;
	const fdt32_t *value = fdt_getprop(tree, node, name, &length);

	if (!value || length != 8)
		return false;
	*address = tree_read(value, 2);
	return true;
}

static const char *check_cpu(const void *tree, int node, const struct roundpen_cpu *cpu)
{
	u64 address;

	if (tree_is_failed(tree, node))
		return "has a CPU whose status is fail";
	if (!tree_string_is(tree, node, "enable-method", "spin-table"))
		return "has a CPU with another enable-method than spin-table";
	if (!read_address(tree, node, "cpu-release-addr", &address))
		return "has a CPU without a cpu-release-addr of 8 bytes";
	if (address != cpu->release_word)
		return "has a cpu-release-addr that is not in the pen, or is another CPU's";
	if (!read_address(tree, node, "cpu-return-addr", &address))
		return "has a CPU without a cpu-return-addr of 8 bytes";
	if (address != cpu->return_entry)
		return "has a cpu-return-addr that is not the pen's";
	return NULL;
}

/* May this be the word of a CPU that this kernel leaves alone (nr_cpus=)? */
static bool may_be_word(u64 word, const struct roundpen_pen *pen)
{
	if (pen->made || word & 7)
		return false;
	if (pen->ours && (word < pen->base + SLOT_OFFSET || word & (SLOT_SIZE - 1) ||
			  word >= pen->base + SLOT_OFFSET + SLOT_MAX * SLOT_SIZE))
		return false;
	for (unsigned int number = 0; number < pen->count; number++)
		if (meets(word, WORD_APART, pen->cpus[number].release_word, WORD_APART))
			return false;
	return true;
}

/*
 * A CPU that is none of this kernel's. In a pen that was there before, it may have
 * its place; to one that we made it never came.
 */
static const char *check_stranger(const void *tree, int node, const struct roundpen_pen *pen)
{
	u64 address;

	if (read_address(tree, node, "cpu-release-addr", &address) &&
	    meets(address, 8, pen->base, pen->size) && !may_be_word(address, pen))
		return "has a word in the pen for a CPU that is not there";
	if (read_address(tree, node, "cpu-return-addr", &address) && pen->made &&
	    meets(address, 4, pen->base, pen->size))
		return "has a way into the pen for a CPU that is not there";
	return NULL;
}

static const char *check_nodes(const void *tree, const struct roundpen_pen *pen)
{
	struct tree_cpus cpus;
	const char *wrong = NULL;

	if (!tree_cpus_begin(tree, &cpus))
		return "has no /cpus, or two, or ids that are not of one or two cells";
	while (!wrong && tree_cpus_next(tree, &cpus)) {
		const struct roundpen_cpu *cpu = tree_cpu_of(pen, cpus.mpidr);

		wrong = cpu ? check_cpu(tree, cpus.node, cpu)
			    : check_stranger(tree, cpus.node, pen);
	}
	return wrong;
}

static bool has_id(const struct tree_cpus *cpus, u64 mpidr)
{
	for (int i = 0; i < cpus->ids; i++)
		if (tree_read(cpus->reg + i * cpus->cells, cpus->cells) == mpidr)
			return true;
	return false;
}

/*
 * A CPU is in the tree by the first id in reg, once; and the node that Linux takes
 * for it is the first that has the id anywhere in reg (of_get_cpu_node()).
 */
static const char *check_place(const void *tree, u64 mpidr)
{
	struct tree_cpus cpus;
	int found = 0;

	tree_cpus_begin(tree, &cpus);
	while (tree_cpus_next(tree, &cpus)) {
		bool its_own = cpus.mpidr == mpidr;

		if (!found && !its_own && has_id(&cpus, mpidr))
			return "has a CPU's id in another's node";
		found += its_own;
	}
	if (found != 1)
		return found ? "has two nodes for one CPU" : "lacks a CPU";
	return NULL;
}

static const char *check_cpus(const void *tree, const struct roundpen_pen *pen)
{
	const char *wrong = check_nodes(tree, pen);

	for (unsigned int number = 0; !wrong && number < pen->count; number++)
		wrong = check_place(tree, pen->cpus[number].mpidr);
	return wrong;
}

const char *roundpen_tree_check(const void *tree, size_t size, const struct roundpen_pen *pen)
{
	struct tree_cells root;
	const char *wrong = check_blob(tree, size);

	if (wrong)
		return wrong;
	if (!tree_root_cells(tree, &root))
		return "has a root without usable #address-cells and #size-cells";
	wrong = check_reservation(tree, &root, pen);
	if (!wrong)
		wrong = check_others(tree, pen);
	if (!wrong)
		wrong = check_cpus(tree, pen);
	return wrong;
}

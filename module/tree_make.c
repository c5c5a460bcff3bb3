// SPDX-License-Identifier: GPL-2.0-only
/*
 * The running tree with the pen in it, for kexec-tools: bound over /sys/firmware/fdt by a mount it
 * is what `kexec -l`, kdump-tools and `systemctl kexec` take for the next kernel.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/vmalloc.h>
#include "contract.h"
#include "roundpen.h"
#include "tree.h"

/*
 * This kernel's initrd: unpacked and freed long ago, so that the pen may lie where it was. Who
 * loads a kernel sets the next one's; both take away what a boot loader reserved for it.
 */
static void forget_initrd(void *tree)
{
	int chosen = fdt_path_offset(tree, "/chosen");
	u64 start = 0, end = 0, from, size;
	int entry;

	if (chosen < 0)
		return;
	tree_number(tree, chosen, "linux,initrd-start", &start);
	tree_number(tree, chosen, "linux,initrd-end", &end);
	for (entry = fdt_num_mem_rsv(tree) - 1; entry >= 0; entry--)
		if (!fdt_get_mem_rsv(tree, entry, &from, &size) && from == start &&
		    size == end - start)
			fdt_del_mem_rsv(tree, entry);
	fdt_delprop(tree, chosen, "linux,initrd-start");
	fdt_delprop(tree, chosen, "linux,initrd-end");
}

/* An error of libfdt's, or one after a line. */
static int edit(const void *running, void *tree, size_t room)
{
	const char *wrong;
	int error = fdt_open_into(running, tree, room);

	if (!error) {
		forget_initrd(tree);
		error = roundpen_tree_edit(tree, &roundpen_pen);
	}
	if (!error)
		error = fdt_pack(tree);
	if (error) {
		pr_err("the pen can't be put into the running tree: error %d of libfdt\n", error);
		return -EINVAL;
	}
	/* What has been wrong with it before stays wrong; kexec would be refused for it. */
	wrong = roundpen_tree_check(tree, fdt_totalsize(tree), &roundpen_pen);
	if (wrong) {
		pr_err("the running tree with the pen in it %s\n", wrong);
		return -EINVAL;
	}
	return 0;
}

static int copy_and_edit(const void *running, size_t size, void **blob, size_t *blob_size)
{
	size_t room = size + ROUNDPEN_TREE_ROOM;
	void *tree;
	int error;

	if (fdt_check_full(running, size)) {
		pr_err("/sys/firmware/fdt is no device tree\n");
		return -EINVAL;
	}
	tree = vmalloc(room);
	if (!tree)
		return -ENOMEM;
	error = edit(running, tree, room);
	if (error) {
		vfree(tree);
		return error;
	}
	*blob = tree;
	*blob_size = fdt_totalsize(tree);
	return 0;
}

/*
 * initial_boot_params is not exported; the file is. If a tree is bound over it
 * already, it may be an older one of ours.
 */
int roundpen_tree_make(void **blob, size_t *blob_size)
{
	static const char path[] = "/sys/firmware/fdt";
	void *running = vmalloc(TREE_MAX);
	long got;
	int error;

	if (!running)
		return -ENOMEM;
	got = roundpen_file_read(path, running, TREE_MAX);
	if (got < 0) {
		pr_err("%s can't be read: %ld\n", path, got);
		vfree(running);
		return got;
	}
	error = copy_and_edit(running, got, blob, blob_size);
	vfree(running);
	return error;
}

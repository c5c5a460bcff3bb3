// SPDX-License-Identifier: GPL-2.0-only
/*
 * kexec_file_load() makes the next kernel's tree itself, out of the running one, which does not
 * know a pen that we made. So it gets room for our edits, and they are done on what it made. Not
 * earlier: initial_boot_params is read-only and has no room. Not later: a segment that is placed
 * cannot grow. An edit that fails leaves the tree without the pen, and guard_image.c refuses it.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/kexec.h>
#include <linux/of.h>
#include "guard.h"
#include "roundpen.h"
#include "tree.h"

#if IS_ENABLED(CONFIG_KEXEC_FILE)

static void *make_tree(const struct kimage *image, unsigned long initrd_load_addr,
		       unsigned long initrd_len, const char *cmdline, size_t extra_fdt_size);

static struct roundpen_detour detour = {
	.probe.symbol_name = "of_kexec_alloc_and_setup_fdt",
	.instead = (unsigned long)make_tree,
	.refusal = 0,	/* NULL: it failed */
};

static void *make_tree(const struct kimage *image, unsigned long initrd_load_addr,
		       unsigned long initrd_len, const char *cmdline, size_t extra_fdt_size)
{
	typeof(of_kexec_alloc_and_setup_fdt) *original = (void *)detour.probe.addr;
	void *tree;
	int error;

	roundpen_detour_into(&detour);
	tree = original(image, initrd_load_addr, initrd_len, cmdline,
			extra_fdt_size + ROUNDPEN_TREE_ROOM);
	roundpen_detour_back(&detour);
	if (tree) {
		error = roundpen_tree_edit(tree, &roundpen_pen);
		if (error)
			pr_err("the pen can't be put into the next kernel's tree: %d\n", error);
	}
	roundpen_detour_leave();
	return tree;
}

/* A pen that was there before stands in the running tree, so in the next as well. */
int roundpen_guard_file_arm(void)
{
	return roundpen_pen.made ? roundpen_detour_arm(&detour) : 0;
}

void roundpen_guard_file_disarm(void)
{
	if (roundpen_pen.made)
		roundpen_detour_disarm(&detour);
}

#else

int roundpen_guard_file_arm(void)
{
	return 0;
}

void roundpen_guard_file_disarm(void)
{
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * An image of the next kernel is let in only if nothing of it lies over the pen, and if the tree
 * that it gets is right about the pen. Images of both system calls, capture kernels too.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/kexec.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <linux/vmalloc.h>
#include "contract.h"
#include "guard.h"
#include "probe.h"
#include "roundpen.h"
#include "tree.h"

#define refuse(format, ...) pr_err("Can't kexec: " format "\n", ##__VA_ARGS__)

/* --- where it goes ------------------------------------------------------------------------- */

static int check_segments(const struct kimage *image)
{
	unsigned long i;

	for (i = 0; i < image->nr_segments; i++) {
		const struct kexec_segment *segment = &image->segment[i];

		if (segment->mem >= roundpen_pen.base + roundpen_pen.size ||
		    segment->mem + segment->memsz <= roundpen_pen.base)
			continue;
		refuse("segment %lu at 0x%lx, 0x%lx bytes, is over the pen at 0x%llx", i,
		       segment->mem, (unsigned long)segment->memsz, roundpen_pen.base);
		return -EADDRNOTAVAIL;
	}
	return 0;
}

NOKPROBE_SYMBOL(check_segments);

/* Before machine_kexec_prepare(): the segments are known, nothing is copied yet. */
static int before_prepare(struct kprobe *probe, struct pt_regs *regs)
{
	const struct kimage *image = (void *)regs->regs[0];
	int error = check_segments(image);

	/* A capture kernel takes what it can get (C1). */
	if (!error && image->type != KEXEC_TYPE_CRASH)
		error = roundpen_none_lost();
	return error ? probe_answer(regs, error) : 0;
}

NOKPROBE_SYMBOL(before_prepare);

static struct kprobe prepare = {
	.symbol_name = "machine_kexec_prepare",
	.pre_handler = before_prepare,
};

/* --- what it gets -------------------------------------------------------------------------- */

/* Linux puts segments into CMA since 6.17, where they are to stay: no page of theirs is listed. */
static const void *in_one_piece(const struct kimage *image, unsigned long index)
{
	if (image->type == KEXEC_TYPE_CRASH)
		return phys_to_virt(image->segment[index].mem);
#if KERNEL_VERSION(6, 17, 0) <= LINUX_VERSION_CODE
	if (image->segment_cma[index])
		return page_address(image->segment_cma[index]);
#endif
	return NULL;
}

/* One page of the list, as far as it belongs to the first @size bytes at @mem. */
static size_t copy_page_of(void *to, unsigned long mem, size_t size, unsigned long destination,
			   unsigned long source)
{
	size_t offset = destination - mem;
	size_t length;

	if (destination < mem || offset >= size)
		return 0;
	length = min_t(size_t, size - offset, PAGE_SIZE);
	memcpy(to + offset, phys_to_virt(source), length);
	return length;
}

/* The first @size bytes of a segment as the next kernel finds them; false when some are missing. */
static bool copy_segment(const struct kimage *image, unsigned long index, void *to, size_t size)
{
	const void *piece = in_one_piece(image, index);
	const kimage_entry_t *entry = &image->head;
	unsigned long destination = 0;
	size_t copied = 0;

	if (piece) {
		memcpy(to, piece, size);
		return true;
	}
	while (*entry && !(*entry & IND_DONE)) {
		unsigned long page = *entry & PAGE_MASK;

		if (*entry & IND_INDIRECTION) {
			entry = phys_to_virt(page);
			continue;
		}
		if (*entry & IND_DESTINATION)
			destination = page;
		if (*entry & IND_SOURCE) {
			copied += copy_page_of(to, image->segment[index].mem, size, destination,
					       page);
			destination += PAGE_SIZE;
		}
		entry++;
	}
	return copied == size;
}

/*
 * kexec_file_load() says which one it is. Of kexec_load() only the code that the user gave knows
 * it: it has to be the one that begins as a tree does.
 */
static bool is_tree(const struct kimage *image, unsigned long index)
{
	struct fdt_header header;

	if (image->segment[index].memsz < sizeof(header))
		return false;
	if (image->file_mode)
		return image->segment[index].mem == image->arch.dtb_mem;
	return copy_segment(image, index, &header, sizeof(header)) &&
	       fdt_magic(&header) == FDT_MAGIC;
}

static int find_tree(const struct kimage *image, unsigned long *found)
{
	unsigned int count = 0;
	unsigned long i;

	for (i = 0; i < image->nr_segments; i++) {
		if (!is_tree(image, i))
			continue;
		*found = i;
		count++;
	}
	if (count == 1)
		return 0;
	if (count)
		refuse("%u segments begin with a device tree; which one counts?", count);
	else
		refuse("no segment begins with a device tree");
	return -EINVAL;
}

static int check_tree(const struct kimage *image)
{
	unsigned long index;
	const char *wrong;
	void *tree;
	size_t size;
	int error = find_tree(image, &index);

	if (error)
		return error;
	size = min_t(size_t, image->segment[index].memsz, TREE_MAX);
	tree = vmalloc(size);
	if (!tree)
		return -ENOMEM;
	wrong = "is not loaded as a whole";
	if (copy_segment(image, index, tree, size))
		wrong = roundpen_tree_check(tree, size, &roundpen_pen);
	vfree(tree);
	if (!wrong)
		return 0;
	refuse("the next kernel's device tree %s", wrong);
	return -EINVAL;
}

static int post_load(struct kimage *image);

static struct roundpen_detour loaded = {
	.probe.symbol_name = "machine_kexec_post_load",
	.instead = (unsigned long)post_load,
	.refusal = -EBUSY,
};

/* In place of machine_kexec_post_load(): all is copied; what comes behind it cannot fail. */
static int post_load(struct kimage *image)
{
	int (*original)(struct kimage *image) = (void *)loaded.probe.addr;
	int error = check_tree(image);

	if (!error) {
		roundpen_detour_into(&loaded);
		error = original(image);
		roundpen_detour_back(&loaded);
	}
	if (!error)
		roundpen_pin(image);
	roundpen_detour_leave();
	return error;
}

int roundpen_guard_image_arm(void)
{
	int error = register_kprobe(&prepare);

	if (error) {
		refused_err("no probe on %s: %d", prepare.symbol_name, error);
		return error;
	}
	error = roundpen_detour_arm(&loaded);
	if (error)
		unregister_kprobe(&prepare);
	return error;
}

void roundpen_guard_image_disarm(void)
{
	roundpen_detour_disarm(&loaded);
	unregister_kprobe(&prepare);
}

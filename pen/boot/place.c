/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the kernel, the reserved region and the copy of the tree go. */
#include "boot.h"
#include <string.h>

/*
 * The wrapped Image begins with 2 MiB that are the pen's: boot/ at its start,
 * the reserved region behind it, in a 2 MiB block that neither the kernel nor
 * the tree shares, so that no block mapping of theirs covers memory which the
 * pen uses uncached. When the loader did not align us, the kernel alone moves,
 * upwards to the next 2 MiB boundary; image_size leaves room for that.
 */
struct places place(uint64_t image, const struct descriptor *wrapped)
{
	uint64_t shift = align_up(image, PAYLOAD_ALIGN) - image;
	struct places places = {
		.image = image,
		.kernel_source = image + wrapped->payload_offset,
		.kernel = image + wrapped->payload_offset + shift,
	};

	places.kernel_memory.start = places.kernel;
	places.kernel_memory.end = places.kernel + wrapped->payload_image_size;
	places.reserved.start = align_up(image + wrapped->pen_footprint, RESERVED_ALIGN);
	places.reserved.end = places.reserved.start + RESERVED_SIZE;
	places.work.start = image + shift + wrapped->work_offset;
	places.work.end = places.work.start + TREE_MAX;
	return places;
}

void move_kernel(const struct places *places, const struct descriptor *wrapped)
{
	if (places->kernel == places->kernel_source)
		return;
	cache_clean_invalidate(places->kernel_memory);
	memmove((void *)places->kernel, (void *)places->kernel_source, wrapped->payload_size);
	cache_clean_invalidate(places->kernel_memory);
	instructions_changed();
}

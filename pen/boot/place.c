/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the kernel and the reserved region go, and the move of a kernel. */
#include "boot.h"
#include <string.h>

/*
 * boot/ at the start of the wrapped Image, the reserved region behind it, and the
 * kernel at the next 2 MiB boundary: so the region lies in a block of 2 MiB that
 * no block mapping of the kernel's covers. Loaded where its header asks for it
 * (text_offset behind a boundary) the kernel stands there already. Elsewhere it
 * alone moves: down, into the room that the loader left in front of it, or where
 * that would take our own place, up. What it then needs behind the memory that
 * image_size promised us is `beyond`, and the tree has to allow it.
 */
struct places place(uint64_t image, const struct descriptor *wrapped)
{
	struct places places = {
		.image = image,
		.kernel_source = image + wrapped->payload_offset,
	};
	uint64_t promised = places.kernel_source + wrapped->payload_image_size;

	places.loaded.start = image;
	places.loaded.end = places.kernel_source + wrapped->payload_size;
	places.reserved.start = align_up(image + wrapped->pen_footprint, RESERVED_ALIGN);
	places.reserved.end = places.reserved.start + RESERVED_SIZE;
	places.kernel = align_up(places.reserved.end, PAYLOAD_ALIGN) + wrapped->payload_text_offset;
	places.kernel_memory.start = places.kernel;
	places.kernel_memory.end = places.kernel + wrapped->payload_image_size;
	places.beyond.start = promised;
	places.beyond.end = promised;
	if (places.kernel_memory.end > promised)
		places.beyond.end = places.kernel_memory.end;
	return places;
}

/*
 * There is no such room. Then the kernel starts as it would have without a pen:
 * at the first boundary of what the loader keeps free, be it where we stand, or
 * if there is none where it stands. The pen has no place beside it.
 */
void place_without_pen(struct places *places, const struct descriptor *wrapped)
{
	uint64_t promised = places->kernel_source + wrapped->payload_image_size;
	uint64_t kernel = align_up(places->image, PAYLOAD_ALIGN) + wrapped->payload_text_offset;

	/* Behind its file make_way() needs room for itself. */
	if (kernel + wrapped->payload_image_size > promised ||
	    places->loaded.end + MAKE_WAY_MAX > promised)
		kernel = places->kernel_source;
	places->kernel = kernel;
	places->kernel_memory.start = kernel;
	places->kernel_memory.end = kernel + wrapped->payload_image_size;
	places->loaded.end += MAKE_WAY_MAX;
	places->beyond.end = places->beyond.start;
}

static _Noreturn void enter_over_us(const struct places *places, uint64_t tree, uint64_t size)
{
	uint64_t copy = align_up(places->kernel_source + size, 64);
	struct range code = {copy, copy + (uint64_t)(make_way_end - make_way)};

	cache_clean_invalidate(places->kernel_memory);
	cache_clean_invalidate(code);
	memcpy((void *)copy, make_way, code.end - code.start);
	cache_clean_invalidate(code);
	instructions_changed();
	((make_way_function *)copy)(tree, places->kernel, places->kernel_source, size, received_vbar);
	__builtin_unreachable();
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

/* At the level of entry, without a pen. */
_Noreturn void enter_refused(const struct places *places, const struct descriptor *wrapped,
			     uint64_t tree)
{
	struct range ours = {places->image, places->image + wrapped->pen_footprint};

	if (overlap(places->kernel_memory, ours))
		enter_over_us(places, tree, wrapped->payload_size);
	move_kernel(places, wrapped);
	enter_kernel(tree, places->kernel);
}

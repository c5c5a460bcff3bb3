/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which memory may be written to. image_size says that what we stand in is ours;
 * for more the tree is asked: "any memory described to the kernel which is not
 * marked as reserved will be considered as available to the kernel"
 * (booting.rst), and so it is to us, as long as we spare what is on its way to
 * the kernel too.
 */
#include "boot.h"
#include <libfdt.h>

/* Page 0 is spared whatever the tree says: stubs live there. */
#define PAGE 0x1000ull

static struct range range_at(const fdt32_t *reg, const int cells[2])
{
	struct range range = {.start = read_cells(reg, cells[0])};

	range.end = range.start + read_cells(reg + cells[0], cells[1]);
	if (range.end < range.start)
		range.end = UINT64_MAX;
	return range;
}

static void take(struct map *map, struct range range)
{
	if (range.start >= range.end)
		return;
	if (map->taken_count == TAKEN_MAX)
		map->overfull = true;
	else
		map->taken[map->taken_count++] = range;
}

static void take_reserved(const void *tree, struct map *map)
{
	int parent = fdt_path_offset(tree, "/reserved-memory");
	int cells[2], node, length;

	for (int i = 0; i < fdt_num_mem_rsv(tree); i++) {
		uint64_t start, size;

		if (!fdt_get_mem_rsv(tree, i, &start, &size))
			take(map, (struct range){start, start + size < start ? UINT64_MAX
									      : start + size});
	}
	if (parent < 0 || !bus_cells(tree, parent, cells))
		return;
	fdt_for_each_subnode(node, tree, parent) {
		const fdt32_t *reg = fdt_getprop(tree, node, "reg", &length);
		int entry = cells[0] + cells[1];

		if (!is_available(tree, node))
			continue;
		for (; reg && length >= entry * 4; length -= entry * 4, reg += entry)
			take(map, range_at(reg, cells));
	}
}

static void take_initrd(const void *tree, int chosen, struct map *map)
{
	int start_length, end_length;
	const void *start = fdt_getprop(tree, chosen, "linux,initrd-start", &start_length);
	const void *end = fdt_getprop(tree, chosen, "linux,initrd-end", &end_length);

	if (start && end && start_length <= 8 && end_length <= 8)
		take(map, (struct range){read_cells(start, start_length / 4),
					 read_cells(end, end_length / 4)});
}

/*
 * A crash kernel is told to stay within a part of the RAM: all else is the dead
 * kernel's, and what a dump is made of (Linux, drivers/of/fdt.c,
 * early_init_dt_check_for_usable_mem_range(), which takes two ranges).
 */
static void find_limits(const void *tree, int chosen, const int cells[2], struct map *map)
{
	int length, entry = cells[0] + cells[1];
	const fdt32_t *limit =
		chosen < 0 ? NULL : fdt_getprop(tree, chosen, "linux,usable-memory-range", &length);

	if (!limit || length % (entry * 4))
		return;
	for (; length && map->limit_count < LIMITS_MAX; length -= entry * 4, limit += entry)
		map->limits[map->limit_count++] = range_at(limit, cells);
}

static void find_ram(const void *tree, const int cells[2], struct map *map)
{
	int node, length, entry = cells[0] + cells[1];

	fdt_for_each_subnode(node, tree, 0) {
		const fdt32_t *reg;
		const char *property;

		if (!is_memory(tree, node, &property))
			continue;
		reg = fdt_getprop(tree, node, property, &length);
		for (; reg && length >= entry * 4; length -= entry * 4, reg += entry)
			if (map->ram_count < RAM_MAX)
				map->ram[map->ram_count++] = range_at(reg, cells);
	}
}

/* Where the root's cells can't be read there is no RAM in it. */
void read_map(const void *tree, struct map *map)
{
	int chosen = fdt_path_offset(tree, "/chosen");
	uint64_t start = (uint64_t)tree;
	int cells[2];

	if (!root_cells(tree, cells))
		return;
	find_ram(tree, cells, map);
	find_limits(tree, chosen, cells, map);
	take(map, (struct range){0, PAGE});
	take(map, (struct range){start, start + fdt_totalsize(tree)});
	if (chosen >= 0)
		take_initrd(tree, chosen, map);
	take_reserved(tree, map);
}

/* Where the old spin-table's words are, its loop is often near, and not always reserved. */
void spare_release_words(const struct board *board, struct map *map)
{
	uint64_t last = 0;

	for (uint32_t number = 0; number < board->cpu_count; number++) {
		uint64_t page = board->cpus[number].release & ~(PAGE - 1);

		if (page && page != last)
			take(map, (struct range){page, page + PAGE});
		last = page;
	}
}

static const struct range *taken(const struct map *map, struct range wanted)
{
	for (uint32_t i = 0; i < map->taken_count; i++)
		if (overlap(map->taken[i], wanted))
			return &map->taken[i];
	return NULL;
}

static bool within_one(const struct range *ranges, uint32_t count, struct range wanted)
{
	for (uint32_t i = 0; i < count; i++)
		if (ranges[i].start <= wanted.start && wanted.end <= ranges[i].end)
			return true;
	return false;
}

bool is_ram(const struct map *map, struct range wanted)
{
	return within_one(map->ram, map->ram_count, wanted);
}

static bool is_for_us(const struct map *map, struct range wanted)
{
	return is_ram(map, wanted) &&
	       (!map->limit_count || within_one(map->limits, map->limit_count, wanted));
}

uint32_t check_memory(const struct map *map, struct range wanted)
{
	if (wanted.start == wanted.end)
		return REFUSAL_NONE;
	if (map->overfull || taken(map, wanted))
		return REFUSAL_MEMORY_OVERLAP;
	return is_for_us(map, wanted) ? REFUSAL_NONE : REFUSAL_MEMORY_OUTSIDE;
}

/*
 * The first room at or above `from`. It crosses no boundary of 2 MiB unless it
 * must: kernels before 4.2 take no tree that does. Each turn leaves something
 * that is taken behind for good, so there are no more turns than such things.
 */
static struct range room_above(const struct map *map, uint64_t from, uint64_t size)
{
	const struct range none = {0, 0};
	const struct range *in_the_way;

	for (;;) {
		struct range room = {.start = align_up(from, PAGE)};
		uint64_t boundary = align_up(room.start + 1, PAYLOAD_ALIGN);

		if (room.start + size > boundary)
			room.start = align_up(room.start, PAYLOAD_ALIGN);
		room.end = room.start + size;
		if (room.start < from || room.end < room.start)
			return none;
		in_the_way = taken(map, room);
		if (!in_the_way)
			return is_for_us(map, room) ? room : none;
		from = in_the_way->end;
	}
}

/*
 * For the copy of the tree: right behind the kernel if possible, because kernels
 * before 4.2 want it near; else wherever there is RAM. Not in the region's block
 * of 2 MiB: the kernel maps the tree cacheable, in blocks of that size.
 */
struct range find_room(struct map *map, const struct places *places, uint64_t size)
{
	struct range room;

	take(map, places->loaded);
	take(map, places->kernel_memory);
	take(map, (struct range){places->reserved.start & ~(PAYLOAD_ALIGN - 1ull),
				 align_up(places->reserved.end, PAYLOAD_ALIGN)});
	if (map->overfull)
		return (struct range){0, 0};
	room = room_above(map, places->kernel_memory.end, size);
	for (uint32_t i = 0; !room.end && i < map->limit_count; i++)
		room = room_above(map, map->limits[i].start, size);
	for (uint32_t i = 0; !room.end && i < map->ram_count; i++)
		room = room_above(map, map->ram[i].start, size);
	return room;
}

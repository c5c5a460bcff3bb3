/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow of boot/: read, decide, and only then touch. Until gather() nothing has
 * been written but our own memory and, for the copy of the tree, memory that the
 * tree leaves free; so every refusal leaves the machine as the loader handed it over.
 */
#include "boot.h"
#include <libfdt.h>

static struct board board;
static struct map map;

/* What an exception has to know: where everything is, and how far we are. */
static struct {
	const void *tree; /* as received */
	struct places places;
	uint64_t level;
	uint64_t entered_at;
	uint64_t live_pen;
	enum stage stage;
	bool map_begun; /* begun and not read: nobody knows what is ours */
	bool map_is_read;
	bool settled;
	bool region_is_ours; /* prepared */
} visit;

static uint64_t own_mpidr(void)
{
	uint64_t value;

	__asm__("mrs %0, mpidr_el1" : "=r"(value));
	return value & MPIDR_AFFINITY;
}

#define ESR_EC 26      /* exception class, ESR_ELx */
#define EC_HVC64 0x16  /* HVC from AArch64 */
#define HCR_RW (1ull << 31)
#define HCR_E2H (1ull << 34)

static uint64_t read_hcr(void)
{
	uint64_t value;

	__asm__ volatile("mrs %0, hcr_el2" : "=r"(value)::"memory");
	return value;
}

static void write_hcr(uint64_t value)
{
	__asm__ volatile("msr hcr_el2, %0\n\tisb" ::"r"(value) : "memory");
}

/*
 * The psci offer runs the kernel at EL1 below us with EL2's own register
 * layout; a CPU on which HCR_EL2.E2H is stuck at 1 has the other one. And it
 * promises HVC: booting.rst has firmware enable it (SCR_EL3.HCE), and a kernel
 * on which it does not work would die of it, so it is tried. HCR_EL2 is what it
 * was when this is over.
 */
static uint32_t try_el2(void)
{
	uint64_t received = read_hcr();
	uint32_t reason = REFUSAL_NONE;

	write_hcr(HCR_RW);
	if (read_hcr() & HCR_E2H)
		reason = REFUSAL_E2H_FIXED;
	else if (image_descriptor.offer == OFFER_PSCI && try_hvc() >> ESR_EC != EC_HVC64)
		reason = REFUSAL_NO_HVC;
	write_hcr(received);
	return reason;
}

/*
 * Everything that libfdt is told to take for granted (pen/Makefile). We read with
 * the caches off, and nobody owes us a tree that is not still in one: booting.rst
 * has the loader clean the kernel's image, of the tree it says nothing.
 */
static bool tree_is_sound(const void *tree)
{
	struct range all = {(uint64_t)tree, (uint64_t)tree + sizeof(struct fdt_header)};

	if (!tree || (uint64_t)tree & 7)
		return false;
	cache_clean_invalidate(all);
	if (fdt_magic(tree) != FDT_MAGIC || fdt_version(tree) < 17 ||
	    fdt_last_comp_version(tree) > 17 || fdt_off_dt_struct(tree) & 3 ||
	    fdt_off_mem_rsvmap(tree) & 7 || fdt_totalsize(tree) > TREE_MAX)
		return false;
	all.end = all.start + fdt_totalsize(tree);
	cache_clean_invalidate(all);
	return !fdt_check_full(tree, fdt_totalsize(tree));
}

/* May the pen work here? Leaves everything as it was. */
static uint32_t decide(const void *tree, uint64_t level, uint64_t *live_pen)
{
	uint32_t reason;

	if (find_live_pen(tree, &map, level, live_pen))
		return REFUSAL_LIVE_PEN;
	reason = survey(tree, own_mpidr(), image_descriptor.offer, &board);
	if (reason)
		return reason;
	if (image_descriptor.offer != OFFER_PSCI && image_descriptor.offer != OFFER_RETURN)
		return REFUSAL_OFFER_UNKNOWN;
	/* psci needs a level above the kernel's; a return goes to any level of ours. */
	if (level != 2 && (level != 1 || image_descriptor.offer == OFFER_PSCI))
		return REFUSAL_ENTRY_LEVEL;
	return level == 2 ? try_el2() : REFUSAL_NONE;
}

/* psci: through the park loop and down to EL1, like everybody else. */
static _Noreturn void release_boot_cpu(volatile struct slot *slot, const struct places *places,
				       uint64_t tree)
{
	slot->context = tree;
	slot->state = STATE_ON_PENDING;
	slot->release = places->kernel;
	enter_resident(places->reserved.start + RESIDENT_ADOPT);
}

/* return: it has not been in the pen yet; its word says "released", as the kernel will find it. */
static _Noreturn void send_boot_cpu(volatile struct slot *slot, const struct places *places,
				    uint64_t tree)
{
	slot->release = places->kernel;
	slot->released = 1;
	slot->event_at = now();
	slot->state = STATE_ON;
	enter_kernel(tree, places->kernel);
}

/* The point of no return is gather(); all that can fail comes before it. */
static uint32_t offer(const void *tree, const struct places *places)
{
	void *copy = (void *)places->work.start;
	uint64_t reserved = places->reserved.start;
	uint32_t reason = copy_tree(tree, places);

	if (!reason)
		reason = image_descriptor.offer == OFFER_PSCI ? offer_psci(copy, reserved, board.psci_node)
							      : offer_return(copy, reserved);
	if (reason)
		return reason;
	fill_region(reserved, &board);
	logbook_at(reserved)->offer = image_descriptor.offer;
	visit.stage = STAGE_GATHERING;
	gather(reserved, &board, copy);
	fdt_pack(copy);
	return REFUSAL_NONE;
}

static void finish(const struct places *places, const void *tree)
{
	uint64_t start = (uint64_t)tree;

	if (start == places->work.start) {
		struct range copy = {start, start + fdt_totalsize(tree)};

		cache_clean_invalidate(copy);
	}
}

static _Noreturn void hand_over(const struct places *places)
{
	volatile struct logbook *logbook = logbook_at(places->reserved.start);
	volatile struct slot *slot = slot_at(places->reserved.start, board.boot_cpu);

	finish(places, (void *)places->work.start);
	move_kernel(places, &image_descriptor);
	slot->arrived_at = logbook->entered_at;
	logbook->handed_over_at = now();
	if (image_descriptor.offer == OFFER_PSCI)
		release_boot_cpu(slot, places, places->work.start);
	send_boot_cpu(slot, places, places->work.start);
}

/*
 * Why the region is not ours; REFUSAL_NONE when it is. A tree that can't be read
 * contradicts nothing, and gives nothing that the loader did not promise.
 */
static uint32_t ask_for_region(void)
{
	const struct places *places = &visit.places;
	uint32_t reason;

	if (!visit.map_begun)
		return places->beyond.start < places->beyond.end ? REFUSAL_MEMORY_OUTSIDE
								 : REFUSAL_NONE;
	if (!visit.map_is_read)
		return REFUSAL_FAULT;
	reason = check_memory(&map, places->reserved);
	return reason ? reason : check_memory(&map, places->beyond);
}

/*
 * Where everything goes, once, however boot/ ends: the region, in which a fault or
 * a reason can be written down (a live pen has its own), and the copy of the tree.
 */
static uint32_t settle(const void *tree)
{
	uint32_t region;

	visit.settled = true;
	if (visit.map_is_read)
		spare_release_words(&board, &map);
	region = ask_for_region();
	if (region)
		place_without_pen(&visit.places, &image_descriptor);
	if (visit.map_is_read)
		visit.places.work = find_room(&map, &visit.places, work_size(tree));
	if (!region && !visit.live_pen) {
		prepare_region(visit.places.reserved.start, (uint32_t)visit.level,
			       visit.entered_at);
		visit.region_is_ours = true;
	}
	if (!region && !visit.places.work.end)
		return REFUSAL_NO_ROOM;
	return region;
}

static _Noreturn void leave_alone(const void *tree)
{
	visit.stage = STAGE_LEAVING;
	finish(&visit.places, tree);
	enter_refused(&visit.places, &image_descriptor, (uint64_t)tree);
}

static _Noreturn void step_aside(uint32_t reason)
{
	const void *tree = visit.tree;

	visit.stage = STAGE_EXPLAINING;
	if (visit.live_pen)
		record_refusal(visit.live_pen, reason, true);
	else if (visit.region_is_ours)
		record_refusal(visit.places.reserved.start, reason, false);
	if (visit.places.work.end)
		tree = tree_with_refusal(tree, &visit.places, reason, visit.region_is_ours);
	leave_alone(tree);
}

/* An exception in boot/ (head.S): ESR, ELR and FAR of this level. */
_Noreturn void boot_fault(uint64_t syndrome, uint64_t instruction, uint64_t address);
_Noreturn void boot_fault(uint64_t syndrome, uint64_t instruction, uint64_t address)
{
	enum stage stage = visit.stage;

	if (stage == STAGE_EXPLAINING)
		leave_alone(visit.tree);
	/* What follows may fault as well. */
	visit.stage = stage == STAGE_READING ? STAGE_EXPLAINING : STAGE_LEAVING;
	if (stage == STAGE_READING && !visit.settled)
		settle(visit.tree);
	if (visit.region_is_ours && stage != STAGE_LEAVING) {
		record_fault(visit.places.reserved.start, syndrome,
			     instruction - visit.places.image, address);
		record_refusal(visit.places.reserved.start, REFUSAL_FAULT, false);
	}
	if (stage == STAGE_READING)
		step_aside(REFUSAL_FAULT);
	for (;;)
		__asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

_Noreturn void boot_main(const void *tree, uint64_t image, uint64_t level);
_Noreturn void boot_main(const void *tree, uint64_t image, uint64_t level)
{
	uint32_t reason = REFUSAL_TREE_BAD, place_reason;

	visit.tree = tree;
	visit.places = place(image, &image_descriptor);
	visit.level = level;
	visit.entered_at = now();
	if (tree_is_sound(tree)) {
		visit.map_begun = true;
		read_map(tree, &map);
		visit.map_is_read = true;
		reason = decide(tree, level, &visit.live_pen);
	}
	place_reason = settle(tree);
	if (!reason)
		reason = place_reason;
	if (!reason)
		reason = offer(tree, &visit.places);
	if (reason)
		step_aside(reason);
	hand_over(&visit.places);
}

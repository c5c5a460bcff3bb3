/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow of boot/: read, decide, and only then touch. Until gather() nothing
 * outside our own memory has been written, so every refusal leaves the machine
 * as the loader handed it over.
 */
#include "boot.h"
#include <libfdt.h>

static struct board board;

static uint64_t own_mpidr(void)
{
	uint64_t value;

	__asm__("mrs %0, mpidr_el1" : "=r"(value));
	return value & MPIDR_AFFINITY;
}

/*
 * The psci offer runs the kernel at EL1 below us with EL2's own register
 * layout; a CPU on which HCR_EL2.E2H is stuck at 1 has the other one.
 */
static bool e2h_is_fixed(void)
{
	const uint64_t e2h = 1ull << 34;
	uint64_t before, after;

	__asm__("mrs %0, hcr_el2" : "=r"(before));
	if (!(before & e2h))
		return false;
	__asm__ volatile("msr hcr_el2, %1\n\tisb\n\tmrs %0, hcr_el2"
			 : "=r"(after)
			 : "r"(1ull << 31)
			 : "memory");
	return after & e2h;
}

/* Everything that libfdt is told to take for granted (pen/Makefile). */
static bool tree_is_sound(const void *tree)
{
	if (!tree || (uint64_t)tree & 7 || fdt_magic(tree) != FDT_MAGIC ||
	    fdt_version(tree) < 17 || fdt_last_comp_version(tree) > 17 ||
	    fdt_off_dt_struct(tree) & 3 || fdt_off_mem_rsvmap(tree) & 7 ||
	    fdt_totalsize(tree) > TREE_MAX)
		return false;
	return !fdt_check_full(tree, fdt_totalsize(tree));
}

/* May the pen work here? Reads only. */
static uint32_t decide(const void *tree, uint64_t level, uint64_t *live_pen)
{
	uint32_t reason;

	if (!tree_is_sound(tree))
		return REFUSAL_TREE_BAD;
	if (find_live_pen(tree, level, live_pen))
		return REFUSAL_LIVE_PEN;
	reason = survey(tree, own_mpidr(), image_descriptor.offer, &board);
	if (reason)
		return reason;
	if (image_descriptor.offer != OFFER_PSCI && image_descriptor.offer != OFFER_RETURN)
		return REFUSAL_OFFER_UNKNOWN;
	/* psci needs a level above the kernel's; a return goes to any level of ours. */
	if (level != 2 && (level != 1 || image_descriptor.offer == OFFER_PSCI))
		return REFUSAL_ENTRY_LEVEL;
	return level == 2 && e2h_is_fixed() ? REFUSAL_E2H_FIXED : REFUSAL_NONE;
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
	move_kernel(places, &image_descriptor);
}

static _Noreturn void hand_over(const struct places *places)
{
	volatile struct logbook *logbook = logbook_at(places->reserved.start);
	volatile struct slot *slot = slot_at(places->reserved.start, board.boot_cpu);

	finish(places, (void *)places->work.start);
	slot->arrived_at = logbook->entered_at;
	logbook->handed_over_at = now();
	if (image_descriptor.offer == OFFER_PSCI)
		release_boot_cpu(slot, places, places->work.start);
	send_boot_cpu(slot, places, places->work.start);
}

_Noreturn void boot_main(const void *tree, uint64_t image, uint64_t level);
_Noreturn void boot_main(const void *tree, uint64_t image, uint64_t level)
{
	struct places places = place(image, &image_descriptor);
	uint64_t entered_at = now(), live_pen = 0;
	uint32_t reason = decide(tree, level, &live_pen);
	/* A tree that can't be read contradicts nothing; nor can it be copied. */
	struct memory_check memory = {REFUSAL_NONE, REFUSAL_TREE_BAD};

	if (reason != REFUSAL_TREE_BAD) {
		struct range work = {places.work.start, places.work.start + work_size(tree)};

		memory = check_memory(tree, places.reserved, work);
	}
	if (!memory.reserved && !live_pen)
		prepare_region(places.reserved.start, (uint32_t)level, entered_at);
	if (!reason)
		reason = memory.reserved ? memory.reserved : memory.work;
	if (!reason)
		reason = offer(tree, &places);
	if (!reason)
		hand_over(&places);
	if (live_pen)
		record_refusal(live_pen, reason, true);
	else if (!memory.reserved)
		record_refusal(places.reserved.start, reason, false);
	if (!memory.work)
		tree = tree_with_refusal(tree, &places, reason, !live_pen && !memory.reserved);
	finish(&places, tree);
	enter_kernel((uint64_t)tree, places.kernel);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pen/boot's own reading and rewriting of a tree, to be called on the host: its
 * sources unchanged, compiled beside this. What it has no need for here, caches
 * and memory that is ours, stands in for the target's. tests/unit/pen_survey.py.
 */
#include "boot.h"
#include <libfdt.h>
#include <string.h>

#pragma GCC visibility push(default)

static uint8_t copy[2 * TREE_MAX] __attribute__((aligned(8)));

void cache_clean_invalidate(struct range range)
{
	(void)range;
}

volatile struct logbook *logbook_at(uint64_t reserved)
{
	return (volatile struct logbook *)reserved;
}

/* struct board of the pen, as far as somebody asks; tests/unit/pen_survey.py has the same. */
struct answer {
	uint64_t mpidr[SLOT_MAX];
	uint64_t release[SLOT_MAX];
	uint8_t out_of_use[SLOT_MAX];
	uint32_t cpu_count;
	uint32_t boot_cpu;
	int32_t psci_node;
};

/* Fills `answer`; the pen's reason is what it returns. */
uint32_t pen_survey(const void *tree, uint64_t own_mpidr, uint32_t offer, struct answer *answer);
uint32_t pen_survey(const void *tree, uint64_t own_mpidr, uint32_t offer, struct answer *answer)
{
	static struct board board;
	uint32_t reason;

	memset(&board, 0, sizeof(board));
	reason = survey(tree, own_mpidr, offer, &board);
	for (uint32_t number = 0; number < board.cpu_count; number++) {
		answer->mpidr[number] = board.cpus[number].mpidr;
		answer->release[number] = board.cpus[number].release;
		answer->out_of_use[number] = board.cpus[number].out_of_use;
	}
	answer->cpu_count = board.cpu_count;
	answer->boot_cpu = board.boot_cpu;
	answer->psci_node = board.psci_node;
	return reason;
}

/* The tree as the pen would hand it over; `failed`: the id of a CPU that did not come, or ~0. */
uint32_t pen_rewrite(const void *tree, uint32_t offer, int psci_node, uint64_t reserved,
		     uint64_t failed, const void **result);
uint32_t pen_rewrite(const void *tree, uint32_t offer, int psci_node, uint64_t reserved,
		     uint64_t failed, const void **result)
{
	struct places places = {.work = {(uint64_t)copy, (uint64_t)(copy + sizeof(copy))}};
	uint32_t reason = copy_tree(tree, &places);

	if (!reason)
		reason = offer == OFFER_PSCI ? offer_psci(copy, reserved, psci_node)
					     : offer_return(copy, reserved);
	if (!reason)
		mark_failed(copy, failed);
	*result = copy;
	return reason;
}

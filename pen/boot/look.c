/* SPDX-License-Identifier: BSD-2-Clause */
/* One walk over the whole tree for all that may be anywhere in it. */
#include "boot.h"
#include <libfdt.h>

static const char searched[][NAME_SIZE] = {"arm,psci", "arm,psci-0.2", "arm,psci-1.0", "arm,gic-v5"};
#define PSCI_NAMES 3
#define ALL_NAMES 4

/*
 * Below the offer psci the kernel asks for PSCI in the first node that calls
 * itself so: ours has to be that one. And it is at EL1, where a GICv5 works only
 * for whom EL2 has opened it (booting.rst, GICv5), which the pen does not.
 */
static uint32_t note(const void *tree, int node, const char *compatible, int length,
		     struct board *board)
{
	if (board->psci_node < 0 && is_compatible(compatible, length, searched, PSCI_NAMES))
		board->psci_node = node;
	/* The root is what the whole machine is compatible with; not ours to rename. */
	if (!board->psci_node)
		return REFUSAL_PSCI_PRESENT;
	if (is_compatible(compatible, length, searched + PSCI_NAMES, ALL_NAMES - PSCI_NAMES) &&
	    is_available(tree, node))
		return REFUSAL_GIC_V5;
	return REFUSAL_NONE;
}

uint32_t look_around(const void *tree, uint32_t offer, struct board *board)
{
	struct lineage lineage = {.depth = -1};
	uint32_t reason = REFUSAL_NONE;

	board->psci_node = -1;
	if (offer != OFFER_PSCI)
		return reason;
	while (!reason && next_with_ancestors(tree, &lineage)) {
		int length, node = lineage.nodes[lineage.depth];
		const char *compatible = fdt_getprop(tree, node, "compatible", &length);

		if (!compatible || length < 2)
			continue;
		if (is_compatible(compatible, length, searched, ALL_NAMES))
			reason = note(tree, node, compatible, length, board);
		find_means(tree, &lineage, compatible, board);
	}
	return reason;
}

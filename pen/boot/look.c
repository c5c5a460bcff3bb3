/* SPDX-License-Identifier: BSD-2-Clause */
/* One walk over the whole tree for all that may be anywhere in it. */
#include "boot.h"
#include <libfdt.h>

/*
 * Below the offer psci the kernel asks for PSCI in the first node that calls
 * itself so: ours has to be that one. And it is at EL1, where a GICv5 works only
 * for whom EL2 has opened it (booting.rst, GICv5), which the pen does not.
 */
uint32_t look_around(const void *tree, uint32_t offer, struct board *board)
{
	struct lineage lineage = {.depth = -1};
	uint32_t reason = REFUSAL_NONE;

	board->psci_node = -1;
	if (offer != OFFER_PSCI)
		return reason;
	while (next_with_ancestors(tree, &lineage)) {
		int length, node = lineage.nodes[lineage.depth];
		const char *compatible = fdt_getprop(tree, node, "compatible", &length);

		if (!compatible || length < 2)
			continue;
		if (board->psci_node < 0 && is_psci(tree, node))
			board->psci_node = node;
		if (is_compatible(tree, node, "arm,gic-v5") && is_available(tree, node))
			reason = REFUSAL_GIC_V5;
		find_means(tree, &lineage, compatible, board);
	}
	/* The root is what the whole machine is compatible with; not ours to rename. */
	return board->psci_node ? reason : REFUSAL_PSCI_PRESENT;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Stepping aside: the kernel gets the tree as it came, and the reason. */
#include "boot.h"
#include <libfdt.h>

static const char reasons[][96] = REFUSAL_TEXTS;

/* Written where a person will look: this boot's logbook, or the live pen's. */
void record_refusal(uint64_t reserved, uint32_t reason, bool live)
{
	volatile struct logbook *logbook = logbook_at(reserved);

	if (live) {
		logbook->stepped_aside++;
		logbook->stepped_aside_reason = reason;
	} else {
		logbook->refusal = reason;
	}
}

/* An exception of boot/'s own; the instruction as an offset in pen.elf. */
void record_fault(uint64_t reserved, uint64_t syndrome, uint64_t instruction, uint64_t address)
{
	volatile struct logbook *logbook = logbook_at(reserved);

	logbook->fault_syndrome = syndrome;
	logbook->fault_instruction = instruction;
	logbook->fault_address = address;
}

/*
 * The tree to hand over: the copy with the reason in /chosen and the region of
 * the logbook reserved; or the original itself where even that can't be done.
 */
const void *tree_with_refusal(const void *tree, const struct places *places, uint32_t reason,
			      bool keep_logbook)
{
	void *copy = (void *)places->work.start;

	if (copy_tree(tree, places))
		return tree;
	if (say_in_chosen(copy, CHOSEN_REFUSED, reasons[reason]))
		return tree;
	if (keep_logbook && reserve_region(copy, places->reserved.start))
		return tree;
	fdt_pack(copy);
	return copy;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the module share. tree_check.c and tree_edit.c also compile on a host. */
#ifndef ROUNDPEN_H
#define ROUNDPEN_H

#include <linux/types.h>

/* How a CPU stands, from this kernel's side (docs/contract.md, "The release word"). */
enum roundpen_state {
	ROUNDPEN_IN_KERNEL,	/* released, or never taken into the pen */
	ROUNDPEN_RETURNING,	/* on its way out: its word is 1 */
	ROUNDPEN_PARKED,	/* its receipt has been seen */
	ROUNDPEN_LOST,		/* no receipt in time: kexec is refused from now on */
};

struct roundpen_cpu {
	u64 mpidr;		/* affinity fields only */
	u64 release_word;	/* physical address */
	u64 return_entry;	/* physical address; one for all where the pen is ours */
	enum roundpen_state state;
	void __iomem *word;	/* Device or Normal non-cacheable, never cacheable */
};

struct roundpen_pen {
	u64 base, size;		/* physical, bytes: the no-map node around it */
	bool made;		/* by this module; else adopted */
	bool ours;		/* compatible "roundpen,pen-v1": there is a logbook */
	unsigned int count;	/* possible CPUs */
	struct roundpen_cpu *cpus;	/* by logical number */
};

extern struct roundpen_pen roundpen_pen;

/* level.c: 0, or an errno after a line that says why. Once, on any CPU, before anything is made. */
int roundpen_level_find(void);
unsigned int roundpen_level(void);		/* 1 or 2: of the CPUs when they were handed over */
const char *roundpen_level_name(void);		/* "EL2", "EL2 VHE", "EL1" */
/* The tables by which a CPU turns its MMU off at VHE and EL1: in the region, or in a page of ours. */
int roundpen_level_prepare(void);
void roundpen_level_forget(void);
/* Step 3 of the return (contract.md): this CPU, DAIF masked, its word already 1. */
void __noreturn roundpen_leave(u64 return_entry);

/* psci.c: where a released CPU has to go, when this kernel started its CPUs by PSCI. */
int roundpen_psci_entry(u64 *secondary_entry);

/* tree_edit.c: @tree is open with room (ROUNDPEN_TREE_ROOM); 0 or an error of libfdt's. */
int roundpen_tree_edit(void *tree, const struct roundpen_pen *pen);

/* tree_check.c: NULL, or what is wrong with the tree that the next kernel would get. */
const char *roundpen_tree_check(const void *tree, size_t size, const struct roundpen_pen *pen);

/* guard_*.c: each arms what it needs and undoes it; the last load decides about the pin. */
int roundpen_guards_arm(void);
void roundpen_guards_disarm(void);

#endif

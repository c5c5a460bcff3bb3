/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the module share. tree_check.c and tree_edit.c also compile on a host. */
#ifndef ROUNDPEN_H
#define ROUNDPEN_H

#include <linux/types.h>

/* How a CPU stands, from this kernel's side (docs/contract.md, "The release word"). */
enum roundpen_state {
	ROUNDPEN_IN_KERNEL,	/* released, or never taken into the pen */
	ROUNDPEN_RETURNING,	/* on its way out: its word is 1 */
	ROUNDPEN_PARKED,	/* its receipt has been seen, or it never left the pen */
	ROUNDPEN_RELEASED,	/* its word is written, it has not been seen in the kernel yet */
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
	void __iomem *region;	/* all of it, where the pen is ours; else NULL */
};

extern struct roundpen_pen roundpen_pen;

/* The line that every refusal of insmod has. By this name checkpatch knows that it prints. */
#define refused_err(format, ...) pr_err("refused: " format "\n", ##__VA_ARGS__)

/* cpus.c: the array above, MPIDRs filled in. */
int roundpen_cpus_find(void);
void roundpen_cpus_forget(void);

/* hook.c: what the kernel would have used, before anything is armed; an errno after a line. */
int roundpen_hook_find(void);
int roundpen_hook_arm(void);
void roundpen_hook_disarm(void);
int roundpen_boot_original(unsigned int cpu);
const char *roundpen_way(void);			/* "spin-table" or "psci": sysfs */
bool roundpen_by_psci(void);

/* adopt.c: -ENOENT when the running tree names no pen; another errno after a line. */
int roundpen_adopt(void);
void roundpen_adopted_forget(void);
/* region.c: after roundpen_entry_find(), with every CPU in the kernel. */
int roundpen_make(void);
void roundpen_made_forget(void);
/* reserve.c: keep the made pen from whoever places images. */
int roundpen_reserve(void);
void *roundpen_address_of(const char *name);	/* a function that isn't exported, or NULL */

/* gather.c: CPUs that this kernel has left in the firmware, nosmp. */
bool roundpen_in_firmware(unsigned int cpu);
int roundpen_gather(void);

/* entry.c: where a released CPU has to go in this kernel; W5 wants it in the boot CPU's word. */
int roundpen_entry_find(void);
u64 roundpen_entry(void);			/* physical address */

/* release.c: pen -> kernel. */
int roundpen_release(unsigned int cpu);
void roundpen_arrived(void);
/* return.c: kernel -> pen. */
bool roundpen_can_disable(unsigned int cpu);
int roundpen_disable(unsigned int cpu);
void roundpen_die(unsigned int cpu);
int roundpen_kill(unsigned int cpu);
bool roundpen_any_lost(void);
int roundpen_none_lost(void);			/* 0, or an errno after a line */

/* online.c: /sys/devices/system/cpu/cpuN/online, which the kernel left out. */
int roundpen_online_all(void);			/* those that wait in the kernel's holding pen */
int roundpen_online_files_add(void);
void roundpen_online_files_remove(void);

/* sysfs.c: /sys/kernel/roundpen. */
int roundpen_sysfs_add(void);
void roundpen_sysfs_remove(void);

/* level.c: 0, or an errno after a line that says why. Once, on any CPU, before anything is made. */
int roundpen_level_find(void);
unsigned int roundpen_level(void);		/* 1 or 2: of the CPUs when they were handed over */
const char *roundpen_level_name(void);		/* "EL2", "EL2 VHE", "EL1" */
/* The tables by which a CPU turns its MMU off at VHE and EL1: in pages of ours. */
int roundpen_level_prepare(void);
void roundpen_level_forget(void);
/* Step 3 of the return (docs/contract.md): this CPU, DAIF masked, its word already 1. */
void __noreturn roundpen_leave(u64 return_entry);

/* psci.c: whether way= and the enable-method @method fit; 0, or an errno after a line. */
int roundpen_psci_judge(const char *method);
int roundpen_psci_all_on(void);			/* the same: no CPU is with the firmware */
/* Where a released CPU has to go, when this kernel started its CPUs by PSCI. */
int roundpen_psci_entry(u64 *secondary_entry);

/* For two nodes with their properties, and 64 bytes for each of 128 CPUs. */
#define ROUNDPEN_TREE_ROOM (4096 + 128 * 64)

/* file.c */
long roundpen_file_read(const char *path, void *to, size_t most);

/* tree_edit.c: @tree is open with room (ROUNDPEN_TREE_ROOM); 0 or an error of libfdt's. */
int roundpen_tree_edit(void *tree, const struct roundpen_pen *pen);

/* tree_make.c: the running tree with the pen in it, packed; vfree() it. An errno after a line. */
int roundpen_tree_make(void **blob, size_t *size);

/* tree_check.c: NULL, or what is wrong with the tree that the next kernel would get. */
const char *roundpen_tree_check(const void *tree, size_t size, const struct roundpen_pen *pen);

/* guard_*.c: each arms what it needs and undoes it; the last load decides about the pin. */
int roundpen_guards_arm(void);
void roundpen_guards_disarm(void);
bool roundpen_loaded(void);			/* an image is loaded, we are pinned: sysfs */

#endif

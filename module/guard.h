/* SPDX-License-Identifier: GPL-2.0-only */
/* What the guards share: detours, and one pair of functions for each guard. */
#ifndef ROUNDPEN_GUARD_H
#define ROUNDPEN_GUARD_H

#include <linux/kprobes.h>

struct kimage;

/*
 * A function of the kernel's that one of ours stands in for, of the same type. Ours runs as the
 * function would have, in its caller's context, free to sleep; it ends with
 * roundpen_detour_leave().
 */
struct roundpen_detour {
	struct kprobe probe;		/* .symbol_name is given */
	unsigned long instead;		/* ours */
	unsigned long refusal;		/* what the caller gets once we are on our way out */
	struct task_struct *inside;	/* who calls the kernel's own from ours */
};

int roundpen_detour_arm(struct roundpen_detour *detour);
void roundpen_detour_disarm(struct roundpen_detour *detour);
void roundpen_detour_leave(void);

/* Around ours calling the kernel's own, detour->probe.addr. Kexec's lock serializes callers. */
static inline void roundpen_detour_into(struct roundpen_detour *detour)
{
	WRITE_ONCE(detour->inside, current);
}

static inline void roundpen_detour_back(struct roundpen_detour *detour)
{
	WRITE_ONCE(detour->inside, NULL);
}

/* Each arms what it needs: 0, or an errno after a line. */
int roundpen_guard_pins_arm(void);
void roundpen_guard_pins_disarm(void);
int roundpen_guard_power_arm(void);
void roundpen_guard_power_disarm(void);
int roundpen_guard_file_arm(void);
void roundpen_guard_file_disarm(void);
int roundpen_guard_image_arm(void);
void roundpen_guard_image_disarm(void);
/* depart.c: the CPUs leave before the jump, while it can still be refused. */
int roundpen_departure_arm(void);
void roundpen_departure_disarm(void);

/* guard_pins.c: this image is about to be installed; the module stays until it is freed. */
void roundpen_pin(const struct kimage *image);

#endif

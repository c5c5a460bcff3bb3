// SPDX-License-Identifier: GPL-2.0-only
/*
 * No hibernation. With cpu_die the kernel would allow it; but the kernel that reads the image back
 * has its CPUs in a pen that the image then overwrites. No suspend where PSCI started the CPUs: to
 * the firmware those in the pen are on, and SYSTEM_SUSPEND wants them off.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/notifier.h>
#include <linux/suspend.h>
#include "guard.h"
#include "roundpen.h"

static int on_power(struct notifier_block *block, unsigned long event, void *unused)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		pr_err("Can't hibernate: CPUs come back from the pen, not from firmware\n");
		return NOTIFY_BAD;
	case PM_SUSPEND_PREPARE:
		if (!roundpen_by_psci())
			return NOTIFY_DONE;
		pr_err("Can't suspend: to PSCI the CPUs in the pen are on\n");
		return NOTIFY_BAD;
	}
	return NOTIFY_DONE;
}

static struct notifier_block notifier = { .notifier_call = on_power };

int roundpen_guard_power_arm(void)
{
	int error = register_pm_notifier(&notifier);

	if (error)
		refused_err("no say in hibernation: %d", error);
	return error;
}

void roundpen_guard_power_disarm(void)
{
	unregister_pm_notifier(&notifier);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * roundpen: a way out of the kernel for CPUs that came from a spin-table.
 *
 * The flow and nothing else: look, refuse by name, take or make a pen, arm the hook. Until
 * roundpen_hook_arm() the kernel is what it was.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/acpi.h>
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/version.h>
#include "roundpen.h"

#if !IS_ENABLED(CONFIG_HOTPLUG_CPU)
#error "roundpen: this kernel has no CONFIG_HOTPLUG_CPU: its CPUs can never leave it"
#endif
#if !IS_ENABLED(CONFIG_KPROBES)
#error "roundpen: this kernel has no CONFIG_KPROBES: there is no way to give it the pen"
#endif
#if !IS_ENABLED(CONFIG_KEXEC_CORE)
#error "roundpen: this kernel has neither CONFIG_KEXEC nor CONFIG_KEXEC_FILE"
#endif
#if IS_ENABLED(CONFIG_CPU_BIG_ENDIAN)
#error "roundpen: a big-endian kernel; not supported"
#endif
#if KERNEL_VERSION(5, 16, 0) > LINUX_VERSION_CODE
#error "roundpen: before Linux 5.16 the next kernel's device tree can't be checked"
#endif

struct roundpen_pen roundpen_pen;

static int __init look(void)
{
	int error;

	if (!acpi_disabled) {
		refused_err("this machine was booted by ACPI, not by a device tree");
		return -EOPNOTSUPP;
	}
	if (num_possible_cpus() == 1) {
		refused_err("this kernel has one CPU only: kexec works as it is");
		return -EOPNOTSUPP;
	}
	error = roundpen_hook_find();
	if (!error && roundpen_by_psci() && num_present_cpus() < num_possible_cpus()) {
		refused_err("nosmp: the CPUs are off in the firmware, kexec works as it is");
		error = -EOPNOTSUPP;
	}
	if (!error)
		error = roundpen_level_find();
	if (!error)
		error = roundpen_cpus_find();
	return error;
}

static int __init take_pen(void)
{
	int error = roundpen_online_all();

	if (!error)
		error = roundpen_entry_find();
	if (error)
		return error;
	error = roundpen_adopt();
	return error == -ENOENT ? roundpen_make() : error;
}

static void leave_pen(void)
{
	if (roundpen_pen.made)
		roundpen_made_forget();
	else
		roundpen_adopted_forget();
	roundpen_cpus_forget();
}

static int __init arm(void)
{
	int error = roundpen_level_prepare();

	if (error)
		return error;
	error = roundpen_guards_arm();
	if (error)
		goto level;
	error = roundpen_hook_arm();
	if (error)
		goto guards;
	error = roundpen_sysfs_add();
	if (error)
		goto hook;
	error = roundpen_online_files_add();
	if (!error)
		return 0;
	roundpen_sysfs_remove();
hook:
	roundpen_hook_disarm();
guards:
	roundpen_guards_disarm();
level:
	roundpen_level_forget();
	return error;
}

static int __init roundpen_init(void)
{
	int error = look();

	if (error)
		return error;
	error = take_pen();
	if (error) {
		roundpen_cpus_forget();
		return error;
	}
	error = arm();
	if (error) {
		leave_pen();
		return error;
	}
	pr_info("%s pen at 0x%llx, %u CPUs, %s\n", roundpen_pen.made ? "new" : "adopted",
		roundpen_pen.base, roundpen_pen.count, roundpen_level_name());
	return 0;
}

/* Not called while a CPU is parked or an image is loaded: return.c and guard_pins.c hold us. */
static void __exit roundpen_exit(void)
{
	roundpen_online_files_remove();
	roundpen_sysfs_remove();
	roundpen_hook_disarm();
	roundpen_guards_disarm();
	roundpen_level_forget();
	leave_pen();
}

module_init(roundpen_init);
module_exit(roundpen_exit);

MODULE_DESCRIPTION("kexec and CPU hotplug for CPUs that came from a spin-table");
MODULE_AUTHOR("The roundpen developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("1");

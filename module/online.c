// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/devices/system/cpu/cpuN/online. The kernel has left it out for CPUs that can't leave
 * (offline_disabled), and what it would have made of it is not exported: add_cpu() and
 * remove_cpu() are, and do the same.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpu.h>
#include <linux/device.h>
#include "roundpen.h"
#include "versions.h"

static ssize_t online_show(struct device *device, struct device_attribute *attribute, char *buf)
{
	return sysfs_emit(buf, "%u\n", !roundpen_device_offline(device));
}

static ssize_t online_store(struct device *device, struct device_attribute *attribute,
			    const char *buf, size_t count)
{
	bool wanted;
	int error = kstrtobool(buf, &wanted);

	if (!error)
		error = wanted ? add_cpu(device->id) : remove_cpu(device->id);
	/* The core has no word for a CPU that is not in the kernel any more, and not in the pen. */
	if (!error && roundpen_pen.cpus[device->id].state == ROUNDPEN_LOST)
		error = -EIO;
	/* device_online() and device_offline(): 1 when it is so already */
	return error < 0 ? error : count;
}
static DEVICE_ATTR_RW(online);

static void allow(struct device *device, bool allowed)
{
	roundpen_device_may_go(device, allowed);
	container_of(device, struct cpu, dev)->hotpluggable = allowed;
}

/*
 * CPUs that wait in the kernel's own holding pen (maxcpus=) can't be sent anywhere from there.
 * They have to be brought up first.
 */
int __init roundpen_online_all(void)
{
	unsigned int cpu;
	int error;

	for_each_present_cpu(cpu) {
		if (cpu_online(cpu))
			continue;
		error = add_cpu(cpu);
		if (error < 0) {
			refused_err("CPU%u is in the kernel's holding pen and does not come up: %d",
				    cpu, error);
			return error;
		}
	}
	return 0;
}

static void remove_first(unsigned int count)
{
	unsigned int cpu;

	for (cpu = 0; cpu < count; cpu++) {
		struct device *device = get_cpu_device(cpu);

		if (!device || !roundpen_can_disable(cpu))
			continue;
		device_remove_file(device, &dev_attr_online);
		allow(device, false);
	}
}

int __init roundpen_online_files_add(void)
{
	unsigned int cpu;
	int error;

	/* PSCI has a way out: there they are. */
	if (roundpen_by_psci())
		return 0;
	for (cpu = 0; cpu < roundpen_pen.count; cpu++) {
		struct device *device = get_cpu_device(cpu);

		if (!device || !roundpen_can_disable(cpu))
			continue;
		error = device_create_file(device, &dev_attr_online);
		if (error) {
			refused_err("CPU%u: no file \"online\": %d", cpu, error);
			remove_first(cpu);
			return error;
		}
		allow(device, true);
	}
	return 0;
}

void roundpen_online_files_remove(void)
{
	if (!roundpen_by_psci())
		remove_first(roundpen_pen.count);
}

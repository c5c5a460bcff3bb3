// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/roundpen: there exactly while the module has a usable pen. */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpumask.h>
#include <linux/kobject.h>
#include <linux/of.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/vmalloc.h>
#include "contract.h"
#include "roundpen.h"
#include "versions.h"
#include "word.h"

static struct kobject *folder;

#define SHOW(name, format, ...)                                                                   \
	static ssize_t name##_show(struct kobject *kobject, struct kobj_attribute *attribute,     \
				   char *buf)                                                     \
	{                                                                                         \
		return sysfs_emit(buf, format "\n", __VA_ARGS__);                                 \
	}                                                                                         \
	static struct kobj_attribute name##_attribute = __ATTR_RO(name)

SHOW(version, "%u", 1);
SHOW(pen, "%s", roundpen_pen.made ? "made" : "adopted");
SHOW(way, "%s", roundpen_way());
SHOW(level, "%s", roundpen_level_name());
SHOW(region, "0x%llx 0x%llx", roundpen_pen.base, roundpen_pen.size);
SHOW(return_entry, "0x%llx", roundpen_pen.cpus[0].return_entry);
SHOW(loaded, "%u", roundpen_loaded());

static struct attribute *attributes[] = {
	&version_attribute.attr, &pen_attribute.attr,	       &way_attribute.attr,
	&level_attribute.attr,	 &region_attribute.attr,       &return_entry_attribute.attr,
	&loaded_attribute.attr,	 NULL,
};

static const struct attribute_group group = { .attrs = attributes };

/* The pen's memory is not RAM of this kernel's: whole, aligned loads only. */
static ssize_t logbook_read(struct file *file, struct kobject *kobject,
			    roundpen_bin_attribute *attribute, char *buf, loff_t offset,
			    size_t count)
{
	const void __iomem *region = roundpen_pen.region;
	u64 value;
	size_t done;

	for (done = 0; done < count; done++) {
		size_t at = offset + done;

		if (!done || !(at % sizeof(value)))
			value = word_read(region + round_down(at, sizeof(value)));
		buf[done] = value >> at % sizeof(value) * 8;
	}
	return count;
}

static struct bin_attribute logbook_attribute = {
	.attr = { .name = "logbook", .mode = 0400 },
	.size = RESERVED_SIZE,
	.read = logbook_read,
};

/* The running tree with the pen in it. Once: the running one does not change. */
static ssize_t fdt_read(struct file *file, struct kobject *kobject,
			roundpen_bin_attribute *attribute, char *buf, loff_t offset, size_t count)
{
	memcpy(buf, attribute->private + offset, count);
	return count;
}

static struct bin_attribute fdt_attribute = {
	.attr = { .name = "fdt", .mode = 0400 },
	.read = fdt_read,
};

/* A pen that was there before stands in the running tree. Without the file others may edit one. */
static int __init add_fdt(void)
{
	if (!roundpen_pen.made ||
	    roundpen_tree_make(&fdt_attribute.private, &fdt_attribute.size))
		return 0;
	return sysfs_create_bin_file(folder, &fdt_attribute);
}

/* One folder per CPU. */
struct cpu_folder {
	struct kobject kobject;
	unsigned int number;
};

static struct cpu_folder **cpus;

static struct roundpen_cpu *cpu_of(struct kobject *kobject)
{
	return &roundpen_pen.cpus[container_of(kobject, struct cpu_folder, kobject)->number];
}

static const char *state_name(enum roundpen_state state)
{
	switch (state) {
	case ROUNDPEN_IN_KERNEL:
		return "in the kernel";
	case ROUNDPEN_RETURNING:
		return "returning";
	case ROUNDPEN_PARKED:
		return "parked";
	case ROUNDPEN_RELEASED:
		return "released";
	case ROUNDPEN_LOST:
		break;
	}
	return "lost";
}

SHOW(mpidr, "0x%llx", cpu_of(kobject)->mpidr);
SHOW(release_word, "0x%llx", cpu_of(kobject)->release_word);
SHOW(state, "%s", state_name(READ_ONCE(cpu_of(kobject)->state)));

static ssize_t node_show(struct kobject *kobject, struct kobj_attribute *attribute, char *buf)
{
	unsigned int cpu = container_of(kobject, struct cpu_folder, kobject)->number;
	struct device_node *node = of_get_cpu_node(cpu, NULL);
	ssize_t length = sysfs_emit(buf, "%pOF\n", node);

	of_node_put(node);
	return length;
}

static struct kobj_attribute node_attribute = __ATTR_RO(node);

static struct attribute *cpu_attrs[] = {
	&mpidr_attribute.attr, &release_word_attribute.attr,
	&state_attribute.attr, &node_attribute.attr, NULL,
};
ATTRIBUTE_GROUPS(cpu);

static void cpu_release(struct kobject *kobject)
{
	kfree(container_of(kobject, struct cpu_folder, kobject));
}

static const struct kobj_type cpu_type = {
	.release = cpu_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = cpu_groups,
};

static int __init add_cpu_folder(unsigned int number)
{
	struct cpu_folder *cpu = kzalloc(sizeof(*cpu), GFP_KERNEL);
	int error;

	if (!cpu)
		return -ENOMEM;
	cpu->number = number;
	error = kobject_init_and_add(&cpu->kobject, (struct kobj_type *)&cpu_type, folder, "cpu%u",
				     number);
	if (error) {
		kobject_put(&cpu->kobject);
		return error;
	}
	cpus[number] = cpu;
	return 0;
}

static int __init add_all(void)
{
	unsigned int cpu;
	int error = sysfs_create_group(folder, &group);

	if (!error && roundpen_pen.region)
		error = sysfs_create_bin_file(folder, &logbook_attribute);
	if (!error)
		error = add_fdt();
	for (cpu = 0; !error && cpu < roundpen_pen.count; cpu++)
		error = add_cpu_folder(cpu);
	return error;
}

int __init roundpen_sysfs_add(void)
{
	int error = -ENOMEM;

	cpus = kcalloc(roundpen_pen.count, sizeof(*cpus), GFP_KERNEL);
	folder = kobject_create_and_add("roundpen", kernel_kobj);
	if (cpus && folder)
		error = add_all();
	if (error) {
		refused_err("no /sys/kernel/roundpen: %d", error);
		roundpen_sysfs_remove();
	}
	return error;
}

void roundpen_sysfs_remove(void)
{
	unsigned int cpu;

	for (cpu = 0; cpus && cpu < roundpen_pen.count; cpu++)
		if (cpus[cpu])
			kobject_put(&cpus[cpu]->kobject);
	kfree(cpus);
	cpus = NULL;
	kobject_put(folder);
	folder = NULL;
	vfree(fdt_attribute.private);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * That nobody lays a kernel of the next kexec over a pen of ours. The tree of the next kernel says
 * so from there on; the running one was not told, since its tree does not know the pen.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/ioport.h>
#include <linux/kprobes.h>
#include <linux/memblock.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include "contract.h"
#include "roundpen.h"

/* Allocated, name and all, since both stay when the module goes. */
struct named_resource {
	struct resource resource;
	char name[sizeof("reserved")];
};

/*
 * The address of a function that isn't exported. Where a probe on it is refused, the address
 * stands in the probe nevertheless.
 */
void *__init roundpen_address_of(const char *name)
{
	struct kprobe probe = { .symbol_name = name, .flags = KPROBE_FLAG_DISABLED };

	if (!register_kprobe(&probe))
		unregister_kprobe(&probe);
	return probe.addr;
}

#if IS_ENABLED(CONFIG_KEXEC_FILE)
/*
 * kexec_file_load() takes what memblock calls free. memblock has no lock: after boot only memory
 * hotplug changes it. memblock_reserve() became an inline function around the second one.
 */
static int __init reserve_for_kexec_file(void)
{
	int (*reserve_more)(phys_addr_t base, phys_addr_t size, int nid, enum memblock_flags flags);
	int (*reserve)(phys_addr_t base, phys_addr_t size);
	int error = -ENOENT;

	reserve = roundpen_address_of("memblock_reserve");
	reserve_more = roundpen_address_of("__memblock_reserve");
	if (reserve)
		error = reserve(roundpen_pen.base, RESERVED_SIZE);
	else if (reserve_more)
		error = reserve_more(roundpen_pen.base, RESERVED_SIZE, NUMA_NO_NODE, 0);
	if (error)
		refused_err("the pen can't be kept from kexec_file_load(): %d", error);
	return error;
}
#else
static int __init reserve_for_kexec_file(void)
{
	return 0;
}
#endif

/* "reserved" in /proc/iomem: kexec-tools lays nothing there. */
static int __init reserve_for_kexec_tools(void)
{
	struct named_resource *named = kzalloc(sizeof(*named), GFP_KERNEL);
	int error;

	if (!named)
		return -ENOMEM;
	strscpy(named->name, "reserved", sizeof(named->name));
	named->resource.name = named->name;
	named->resource.start = roundpen_pen.base;
	named->resource.end = roundpen_pen.base + RESERVED_SIZE - 1;
	named->resource.flags = IORESOURCE_MEM;
	error = insert_resource(&iomem_resource, &named->resource);
	if (!error)
		return 0;
	refused_err("%pR can't be put into /proc/iomem: %d", &named->resource, error);
	kfree(named);
	return error;
}

/*
 * Once it has begun this is for ever: memblock takes it back only at the price of a race, and
 * 64 KiB that kexec_file_load() avoids without need do no harm.
 */
int __init roundpen_reserve(void)
{
	int error = reserve_for_kexec_tools();

	return error ? error : reserve_for_kexec_file();
}

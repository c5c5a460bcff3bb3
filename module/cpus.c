// SPDX-License-Identifier: GPL-2.0-only
/* The CPUs of the running tree, by the numbers that the kernel gave them. */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpumask.h>
#include <linux/of.h>
#include <linux/slab.h>
#include <asm/cputype.h>
#include "contract.h"
#include "roundpen.h"

/* cpu_logical_map() is not exported; of_get_cpu_node() has looked the node up by it. */
static int __init read_mpidr(unsigned int cpu, u64 *mpidr)
{
	struct device_node *node = of_get_cpu_node(cpu, NULL);
	const __be32 *reg;
	int cells, length;

	if (!node) {
		refused_err("CPU%u has no node in the device tree", cpu);
		return -ENODEV;
	}
	reg = of_get_property(node, "reg", &length);
	cells = of_n_addr_cells(node);
	if (!reg || cells < 1 || cells > 2 || length < cells * 4) {
		refused_err("%pOF: reg can't be read as an MPIDR", node);
		of_node_put(node);
		return -EINVAL;
	}
	*mpidr = of_read_number(reg, cells);
	of_node_put(node);
	return 0;
}

/*
 * A CPU that this kernel leaves out (nr_cpus=, a bad node) is in nobody's pen, and the tree for the
 * next kernel could not speak for it.
 */
static int __init count_nodes(void)
{
	unsigned int nodes = 0, cpu;
	struct device_node *node;

	for_each_of_cpu_node(node)
		nodes += of_device_is_available(node);
	if (nodes != num_possible_cpus()) {
		refused_err("the device tree has %u CPUs, this kernel uses %u of them (nr_cpus=?)",
			    nodes, num_possible_cpus());
		return -EOPNOTSUPP;
	}
	for (cpu = 0; cpu < nodes; cpu++) {
		if (!cpu_possible(cpu)) {
			refused_err("this kernel can't use CPU%u", cpu);
			return -EOPNOTSUPP;
		}
	}
	if (nodes > SLOT_MAX) {
		refused_err("%u CPUs, a pen has room for %u", nodes, SLOT_MAX);
		return -EOPNOTSUPP;
	}
	return 0;
}

int __init roundpen_cpus_find(void)
{
	struct roundpen_cpu *cpus;
	unsigned int cpu;
	int error = count_nodes();

	if (error)
		return error;
	cpus = kcalloc(num_possible_cpus(), sizeof(*cpus), GFP_KERNEL);
	if (!cpus)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		error = read_mpidr(cpu, &cpus[cpu].mpidr);
		if (error) {
			kfree(cpus);
			return error;
		}
	}
	roundpen_pen.cpus = cpus;
	roundpen_pen.count = num_possible_cpus();
	return 0;
}

void roundpen_cpus_forget(void)
{
	kfree(roundpen_pen.cpus);
	roundpen_pen.cpus = NULL;
	roundpen_pen.count = 0;
}

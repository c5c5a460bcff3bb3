// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pen that the running tree names: the late pen of the kernel before, one that was wrapped
 * around this kernel, or firmware that implements the contract. Nothing is believed that can be
 * checked (docs/contract.md, T1 to T7).
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/pfn.h>
#include <linux/slab.h>
#include "contract.h"
#include "roundpen.h"
#include "word.h"

struct reservation {
	u64 start, size;
	bool ours;
};

/* The root's cells, not the parent's: that is how Linux reserved it (drivers/of/fdt.c). */
static bool __init read_reservation(struct device_node *node, struct device_node *root,
				    struct reservation *area)
{
	int address_cells = 2, size_cells = 1, length;
	const __be32 *reg = of_get_property(node, "reg", &length);
	u32 cells;

	if (!of_property_read_u32(root, "#address-cells", &cells))
		address_cells = cells;
	if (!of_property_read_u32(root, "#size-cells", &cells))
		size_cells = cells;
	if (!reg || address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2 ||
	    length != 4 * (address_cells + size_cells))
		return false;
	area->start = of_read_number(reg, address_cells);
	area->size = of_read_number(reg + address_cells, size_cells);
	return true;
}

static bool __init is_within(u64 address, u64 size, const struct reservation *area)
{
	return address >= area->start && size <= area->size &&
	       address - area->start <= area->size - size;
}

/* The no-map child of /reserved-memory around @address. */
static bool __init find_reservation(u64 address, u64 size, struct reservation *area)
{
	struct device_node *parent = of_find_node_by_path("/reserved-memory");
	struct device_node *root = of_find_node_by_path("/");
	struct device_node *node;
	bool found = false;

	for_each_available_child_of_node(parent, node) {
		if (!of_property_read_bool(node, "no-map") || !read_reservation(node, root, area) ||
		    !is_within(address, size, area))
			continue;
		area->ours = of_device_is_compatible(node, COMPATIBLE);
		found = true;
		of_node_put(node);
		break;
	}
	of_node_put(root);
	of_node_put(parent);
	return found;
}

/* Why @cpu can't be returned, or NULL. */
static const char *__init judge(unsigned int cpu)
{
	const struct roundpen_cpu *this = &roundpen_pen.cpus[cpu];
	struct reservation area;
	unsigned int other;

	if (!this->release_word || !IS_ALIGNED(this->release_word, sizeof(u64)))
		return "its cpu-release-addr is zero or not aligned to 8 bytes";
	if (!this->return_entry || !IS_ALIGNED(this->return_entry, 4))
		return "its cpu-return-addr is zero or not aligned to 4 bytes";
	if (!find_reservation(this->release_word, sizeof(u64), &area))
		return "its release word is not in a no-map child of /reserved-memory";
	if (!find_reservation(this->return_entry, 4, &area))
		return "its cpu-return-addr is not in a no-map child of /reserved-memory";
	if (pfn_is_map_memory(PHYS_PFN(this->release_word)) ||
	    pfn_is_map_memory(PHYS_PFN(this->return_entry)))
		return "this kernel uses the memory that its release word or return entry is in";
	for (other = 0; other < cpu; other++)
		if (roundpen_pen.cpus[other].release_word == this->release_word)
			return "it shares its release word with another CPU";
	return NULL;
}

/* How many CPUs of the tree can be returned by what it says; an errno after a line. */
static int __init read_tree(void)
{
	unsigned int cpu, count = 0;

	for (cpu = 0; cpu < roundpen_pen.count; cpu++) {
		struct roundpen_cpu *this = &roundpen_pen.cpus[cpu];
		struct device_node *node = of_get_cpu_node(cpu, NULL);
		int error;

		of_property_read_u64(node, "cpu-release-addr", &this->release_word);
		error = of_property_read_u64(node, "cpu-return-addr", &this->return_entry);
		of_node_put(node);
		if (error && error != -EINVAL) {
			refused_err("CPU%u: its cpu-return-addr is not a 64-bit value", cpu);
			return -EINVAL;
		}
		if (!error)
			count++;
		else if (count)
			break;
	}
	if (count && count != roundpen_pen.count) {
		refused_err("CPU%u has no cpu-return-addr, others have one", cpu);
		return -EINVAL;
	}
	return count;
}

static int __init map_word(unsigned int cpu)
{
	struct roundpen_cpu *this = &roundpen_pen.cpus[cpu];

	if (roundpen_pen.region)
		this->word = roundpen_pen.region + (this->release_word - roundpen_pen.base);
	else
		this->word = ioremap(this->release_word, sizeof(u64));
	if (this->word)
		return 0;
	refused_err("CPU%u: its release word can't be mapped", cpu);
	return -ENOMEM;
}

static void forget_words(void)
{
	unsigned int cpu;

	for (cpu = 0; cpu < roundpen_pen.count; cpu++) {
		if (!roundpen_pen.region && roundpen_pen.cpus[cpu].word)
			iounmap(roundpen_pen.cpus[cpu].word);
		roundpen_pen.cpus[cpu].word = NULL;
	}
	if (roundpen_pen.region)
		iounmap(roundpen_pen.region);
	roundpen_pen.region = NULL;
}

/* A pen of ours has a logbook, and one mapping for all of it. */
static int __init map_region(const struct reservation *area)
{
	roundpen_pen.base = area->start;
	roundpen_pen.size = area->size;
	roundpen_pen.ours = area->ours && area->size == RESERVED_SIZE;
	if (!roundpen_pen.ours)
		return 0;
	roundpen_pen.region = ioremap(area->start, area->size);
	if (roundpen_pen.region)
		return 0;
	refused_err("the pen at 0x%llx can't be mapped", area->start);
	return -ENOMEM;
}

static int __init map_all(const struct reservation *area)
{
	unsigned int cpu;
	int error = map_region(area);

	for (cpu = 0; !error && cpu < roundpen_pen.count; cpu++) {
		const struct roundpen_cpu *this = &roundpen_pen.cpus[cpu];

		/* One node: the tree of the next kernel is checked for that one only. */
		if (!is_within(this->release_word, sizeof(u64), area) ||
		    !is_within(this->return_entry, sizeof(u32), area)) {
			refused_err("CPU%u: its release word and return entry are not both in the pen of CPU0's",
				    cpu);
			error = -EINVAL;
			break;
		}
		error = map_word(cpu);
	}
	return error;
}

/*
 * Nobody writes an entry of this kernel's into the word of the CPU that it was entered on but we
 * (W5). The others' words are as the kernel left them when it took the CPUs.
 */
static int __init settle(void)
{
	unsigned int cpu;

	for (cpu = 1; cpu < roundpen_pen.count; cpu++) {
		u64 word = word_read(roundpen_pen.cpus[cpu].word);
		u64 expected = roundpen_in_firmware(cpu) ? WORD_PARKED : roundpen_entry();

		if (roundpen_in_firmware(cpu))
			roundpen_pen.cpus[cpu].state = ROUNDPEN_PARKED;
		if (word == expected)
			continue;
		refused_err("CPU%u: its word is 0x%llx, expected 0x%llx", cpu, word, expected);
		return -EINVAL;
	}
	word_write(roundpen_entry(), roundpen_pen.cpus[0].word);
	return 0;
}

int __init roundpen_adopt(void)
{
	struct reservation area = {};
	unsigned int cpu;
	int error = read_tree();

	if (error <= 0)
		return error ? error : -ENOENT;
	for (cpu = 0; cpu < roundpen_pen.count; cpu++) {
		const char *reason = judge(cpu);

		if (!reason)
			continue;
		refused_err("CPU%u can't be returned: %s", cpu, reason);
		return -EINVAL;
	}
	find_reservation(roundpen_pen.cpus[0].release_word, sizeof(u64), &area);
	error = map_all(&area);
	if (!error)
		error = settle();
	if (error)
		forget_words();
	return error;
}

void roundpen_adopted_forget(void)
{
	forget_words();
}

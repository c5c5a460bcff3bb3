// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a CPU that leaves the pen has to go: to this kernel's holding pen, as on the way that all
 * CPUs came at boot. The stock kernel has written its address into their release words
 * (smp_spin_table.c, smp_spin_table_cpu_prepare()), and nothing takes it away there.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/pfn.h>
#include <asm/memory.h>
#include "roundpen.h"
#include "word.h"

static u64 entry __ro_after_init;

u64 roundpen_entry(void)
{
	return entry;
}

/*
 * Whosoever's word it is. Where the kernel has it in its linear map, the kernel wrote it through
 * that map, and a line of it may hold what is not ours: read it plainly.
 */
static int __init read_word(u64 address, u64 *value)
{
	void __iomem *word;

	if (pfn_is_map_memory(PHYS_PFN(address))) {
		*value = READ_ONCE(*(u64 *)phys_to_virt(address));
		return 0;
	}
	word = ioremap(address, sizeof(u64));
	if (!word)
		return -ENOMEM;
	*value = word_read(word);
	iounmap(word);
	return 0;
}

/* What the words of the secondaries agree on; 0: nothing in them. */
static int __init ask_words(u64 *agreed)
{
	struct device_node *node;
	u64 address, value;
	unsigned int cpu;
	int error;

	*agreed = 0;
	for_each_present_cpu(cpu) {
		/* Nobody has written this kernel's entry into the boot CPU's word. */
		if (!cpu)
			continue;
		node = of_get_cpu_node(cpu, NULL);
		error = of_property_read_u64(node, "cpu-release-addr", &address);
		of_node_put(node);
		if (!error)
			error = read_word(address, &value);
		if (error) {
			refused_err("CPU%u: its release word can't be read: %d", cpu, error);
			return error;
		}
		/* Firmware that clears its words says nothing. */
		if (value <= WORD_RETURNING)
			continue;
		if (*agreed && value != *agreed) {
			refused_err("CPU%u: its release word at 0x%llx holds 0x%llx, another's 0x%llx",
				    cpu, address, value, *agreed);
			return -EINVAL;
		}
		*agreed = value;
	}
	return 0;
}

static int __init find_holding_pen(void)
{
	void *address = roundpen_address_of("secondary_holding_pen");
	u64 symbol = address ? __pa_symbol(address) : 0;
	int error = ask_words(&entry);

	if (error)
		return error;
	if (!entry)
		entry = symbol;
	if (!entry) {
		refused_err("no release word holds the address of this kernel's holding pen");
		return -ENOENT;
	}
	if (!IS_ALIGNED(entry, 4) || (symbol && symbol != entry)) {
		refused_err("the release words hold 0x%llx, this kernel's holding pen is at 0x%llx",
			    entry, symbol);
		return -EINVAL;
	}
	return 0;
}

int __init roundpen_entry_find(void)
{
	if (roundpen_by_psci())
		return roundpen_psci_entry(&entry);
	return find_holding_pen();
}

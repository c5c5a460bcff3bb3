// SPDX-License-Identifier: GPL-2.0-only
/*
 * The late pen's memory: resident code, logbook, index and slots, laid out as pen/boot/region.c
 * does it, so that everything that reads a pen reads this one.
 *
 * Below 4 GiB where there is such memory: there every tree can name it, whatever its cells, and
 * every loader reach it. Taken from the page allocator as unmovable pages: nothing migrates,
 * compacts or merges them, and CMA and hot-pluggable memory have none.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/sysreg.h>
#include "contract.h"
#include "roundpen.h"
#include "word.h"

extern const u8 roundpen_resident[], roundpen_resident_end[];

static struct page *pages;

static u64 counter(void)
{
	/* At EL1 the physical one may be EL2's: see "count" in pen/resident/park.S. */
	return roundpen_level() == 2 ? read_sysreg(cntpct_el0) : read_sysreg(cntvct_el0);
}

static void __iomem *logbook(unsigned int field)
{
	return roundpen_pen.region + LOGBOOK_OFFSET + field;
}

static void __iomem *slot(unsigned int number, unsigned int field)
{
	return roundpen_pen.region + SLOT_OFFSET + number * SLOT_SIZE + field;
}

/* The longest search (pen/resident/find.S) when all are filed by @multiplier; fills @index. */
static unsigned int __init file_all(u8 *index, u64 multiplier, unsigned int shift)
{
	unsigned int longest = 0, number;

	memset(index, 0, INDEX_ENTRIES);
	for (number = 0; number < roundpen_pen.count; number++) {
		u64 at = roundpen_pen.cpus[number].mpidr * multiplier >> shift;
		unsigned int probes = 0;

		while (index[at]) {
			at = (at + 1) % INDEX_ENTRIES;
			probes++;
		}
		index[at] = number + 1;
		longest = max(longest, probes);
	}
	return longest;
}

/* Any odd multiplier is correct; a good one finds every CPU at the first look. */
static int __init file_cpus(void)
{
	const unsigned int shift = 64 - ilog2(INDEX_ENTRIES);
	u64 multiplier = 0x9e3779b97f4a7c15; /* 2^64 / golden ratio (Knuth, TAOCP 6.4) */
	u8 *index = kmalloc(INDEX_ENTRIES, GFP_KERNEL);
	unsigned int tries;

	if (!index)
		return -ENOMEM;
	for (tries = 0; file_all(index, multiplier, shift) && tries < 64; tries++)
		multiplier = (multiplier * 6364136223846793005u + 1442695040888963407u) | 1;
	memcpy_toio(roundpen_pen.region + INDEX_OFFSET, index, INDEX_ENTRIES);
	writeq_relaxed(multiplier, logbook(LOG_HASH_MULTIPLIER));
	writel_relaxed(shift, logbook(LOG_HASH_SHIFT));
	kfree(index);
	return 0;
}

static void __init fill_logbook(void)
{
	u64 now = counter();

	writel_relaxed(LOGBOOK_VERSION, logbook(LOG_VERSION));
	writel_relaxed(OFFER_RETURN, logbook(LOG_OFFER));
	writel_relaxed(roundpen_level(), logbook(LOG_ENTRY_LEVEL));
	writel_relaxed(roundpen_pen.count, logbook(LOG_CPU_COUNT));
	writel_relaxed(0, logbook(LOG_BOOT_CPU));
	writeq_relaxed(roundpen_pen.base, logbook(LOG_BASE));
	writeq_relaxed(read_sysreg(cntfrq_el0), logbook(LOG_COUNTER_FREQUENCY));
	writeq_relaxed(now, logbook(LOG_ENTERED_AT));
	/* Nothing was gathered, and the kernel had its CPUs all the time. */
	writeq_relaxed(now, logbook(LOG_HANDED_OVER_AT));
	writeq_relaxed(LOGBOOK_MAGIC, logbook(LOG_MAGIC));
}

/* In the kernel, and the word says so (W4, W5). */
static void __init fill_slot(unsigned int number)
{
	writeq_relaxed(roundpen_entry(), slot(number, SLOT_RELEASE));
	writel_relaxed(STATE_ON, slot(number, SLOT_STATE));
	writeq_relaxed(1, slot(number, SLOT_RELEASED));
	writeq_relaxed(counter(), slot(number, SLOT_EVENT_AT));
}

static void __init fill_slots(void)
{
	unsigned int number;

	for (number = 0; number < roundpen_pen.count; number++) {
		struct roundpen_cpu *cpu = &roundpen_pen.cpus[number];

		cpu->word = slot(number, SLOT_RELEASE);
		cpu->release_word = roundpen_pen.base + SLOT_OFFSET + number * SLOT_SIZE;
		cpu->return_entry = roundpen_pen.base + RESIDENT_RETURN;
		writeq_relaxed(cpu->mpidr, slot(number, SLOT_MPIDR));
		/* Who is not in the kernel, the pen hasn't seen either: STATE_ABSENT, 0. */
		cpu->state = roundpen_in_firmware(number) ? ROUNDPEN_PARKED : ROUNDPEN_IN_KERNEL;
		if (cpu->state == ROUNDPEN_IN_KERNEL)
			fill_slot(number);
	}
}

static int __init fill(void)
{
	size_t size = roundpen_resident_end - roundpen_resident;
	int error;

	/* Dirty lines of the pages' last user would be written back over the pen. */
	clean_invalidate(roundpen_pen.region, RESERVED_SIZE);
	memset_io(roundpen_pen.region, 0, RESERVED_SIZE);
	memcpy_toio(roundpen_pen.region + RESIDENT_OFFSET, roundpen_resident, size);
	fill_logbook();
	fill_slots();
	error = file_cpus();
	publish_code(roundpen_pen.region, RESERVED_SIZE);
	return error;
}

static void __iomem *__init map_pages(void)
{
	unsigned int count = DIV_ROUND_UP(RESERVED_SIZE, PAGE_SIZE), number;
	struct page **list = kcalloc(count, sizeof(*list), GFP_KERNEL);
	void *mapped;

	if (!list)
		return NULL;
	for (number = 0; number < count; number++)
		list[number] = pages + number;
	mapped = vmap(list, count, VM_MAP, pgprot_writecombine(PAGE_KERNEL));
	kfree(list);
	return (void __iomem *)mapped;
}

static int __init allocate(void)
{
	unsigned int order = get_order(RESERVED_SIZE);

	pages = alloc_pages(GFP_KERNEL | GFP_DMA32 | __GFP_NOWARN, order);
	if (!pages)
		pages = alloc_pages(GFP_KERNEL | __GFP_NOWARN, order);
	if (!pages) {
		refused_err("no %u KiB of memory in one piece", RESERVED_SIZE / 1024);
		return -ENOMEM;
	}
	roundpen_pen.base = page_to_phys(pages);
	roundpen_pen.size = RESERVED_SIZE;
	roundpen_pen.region = map_pages();
	if (roundpen_pen.region)
		return 0;
	refused_err("the pen's pages can't be mapped");
	return -ENOMEM;
}

static void unmap(void)
{
	if (roundpen_pen.region)
		vunmap((__force void *)roundpen_pen.region);
	roundpen_pen.region = NULL;
}

int __init roundpen_make(void)
{
	int error = allocate();

	if (!error)
		error = fill();
	if (error) {
		unmap();
		if (pages)
			__free_pages(pages, get_order(RESERVED_SIZE));
		return error;
	}
	roundpen_pen.made = true;
	roundpen_pen.ours = true;
	/* From here on the pages are the pen's for ever, whatever comes. */
	error = roundpen_reserve();
	if (!error)
		error = roundpen_gather();
	if (error)
		unmap();
	return error;
}

/*
 * The pages stay the pen's for ever, and /proc/iomem goes on to say so: a CPU may have been in
 * there, and a tree that names them may lie in a file or in a loaded image.
 */
void roundpen_made_forget(void)
{
	unmap();
}

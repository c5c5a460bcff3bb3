/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the board is reset and switched off. Linux prefers PSCI for both as soon
 * as the tree has it, so the pen must know what the kernel's own drivers would
 * have done.
 */
#include "boot.h"
#include <libfdt.h>
#include <string.h>

/*
 * Broadcom's power manager (Linux 6.12, drivers/watchdog/bcm2835_wdt.c): a write
 * needs the password in the top byte; a full reset follows when the watchdog
 * runs out; partition 63, spread over RSTS, tells the boot ROM to halt instead.
 * A partition that an earlier system left there (`reboot 2`) outlives the reset:
 * Raspberry Pi's own kernel clears those bits, mainline's does not.
 */
#define PM_RSTC 0x1c
#define PM_RSTS 0x20
#define PM_WDOG 0x24
#define PM_PASSWORD 0x5a000000u
#define PM_RSTC_WRCFG_KEEP 0xffffcfu
#define PM_RSTC_FULL_RESET 0x20u
#define PM_RSTS_KEEP 0xffffffu
#define PM_RSTS_PARTITION_KEEP 0xfffaaau /* without bits 0, 2, 4, 6, 8, 10 */
#define PM_RSTS_HALT 0x555u
#define PM_WDOG_TICKS 10u

static void add(struct means *means, uint64_t address, uint32_t keep, uint32_t set)
{
	struct poke *poke = &means->pokes[means->count++];

	poke->address = address;
	poke->keep = keep;
	poke->set = set;
}

static void broadcom(const void *tree, const struct lineage *lineage, struct board *board)
{
	uint64_t base;

	if (!physical_reg(tree, lineage, &base))
		return;
	if (!board->off.count) {
		add(&board->off, base + PM_RSTS, PM_RSTS_KEEP, PM_PASSWORD | PM_RSTS_HALT);
		add(&board->off, base + PM_WDOG, 0, PM_PASSWORD | PM_WDOG_TICKS);
		add(&board->off, base + PM_RSTC, PM_RSTC_WRCFG_KEEP,
		    PM_PASSWORD | PM_RSTC_FULL_RESET);
	}
	if (!board->reset.count) {
		add(&board->reset, base + PM_RSTS, PM_RSTS_PARTITION_KEEP, PM_PASSWORD);
		add(&board->reset, base + PM_WDOG, 0, PM_PASSWORD | PM_WDOG_TICKS);
		add(&board->reset, base + PM_RSTC, PM_RSTC_WRCFG_KEEP,
		    PM_PASSWORD | PM_RSTC_FULL_RESET);
	}
}

static bool u32(const void *tree, int node, const char *name, uint32_t *number)
{
	int length;
	const fdt32_t *value = fdt_getprop(tree, node, name, &length);

	if (!value || length != sizeof(*value))
		return false;
	*number = fdt32_ld(value);
	return true;
}

/* Where a phandle points; a second walk, for the boards that have a syscon. */
static bool find_phandle(const void *tree, uint32_t phandle, struct lineage *lineage)
{
	lineage->depth = -1;
	while (next_with_ancestors(tree, lineage))
		if (fdt_get_phandle(tree, lineage->nodes[lineage->depth]) == phandle)
			return true;
	return false;
}

/* The physical base of the syscon that a syscon-reboot or -poweroff node writes to. */
static bool syscon_base(const void *tree, const struct lineage *lineage, uint64_t *base)
{
	struct lineage syscon = *lineage;
	uint32_t phandle, width;
	int node;

	if (u32(tree, lineage->nodes[lineage->depth], "regmap", &phandle)) {
		if (!find_phandle(tree, phandle, &syscon))
			return false;
	} else if (--syscon.depth < 1) {
		return false;
	}
	node = syscon.nodes[syscon.depth];
	/* 32-bit little-endian registers only; for others the kernel keeps its driver. */
	if (fdt_getprop(tree, node, "big-endian", NULL) ||
	    (u32(tree, node, "reg-io-width", &width) && width != 4))
		return false;
	return physical_reg(tree, &syscon, base);
}

/* Linux 6.12, drivers/power/reset/syscon-{reboot,poweroff}.c: an older binding has no value. */
static void syscon(const void *tree, const struct lineage *lineage, struct means *means)
{
	int node = lineage->nodes[lineage->depth];
	uint32_t offset, value, mask = 0xffffffff;
	uint64_t base;

	if (means->count || !syscon_base(tree, lineage, &base))
		return;
	if (!u32(tree, node, "offset", &offset) && !u32(tree, node, "reg", &offset))
		return;
	if (u32(tree, node, "value", &value))
		u32(tree, node, "mask", &mask);
	else if (!u32(tree, node, "mask", &value))
		return;
	if ((base + offset) & 3)
		return;
	add(means, base + offset, ~mask, value & mask);
}

/* What the last of the line can do; look.c asks this of every node that is compatible with something. */
void find_means(const void *tree, const struct lineage *lineage, const char *compatible,
		struct board *board)
{
	int node = lineage->nodes[lineage->depth];

	/* A cheap look first: this is asked all over the tree with the caches off. */
	if ((memcmp(compatible, "br", 2) && memcmp(compatible, "sy", 2)) ||
	    !is_available(tree, node))
		return;
	if (has_string(tree, node, "compatible", "brcm,bcm2835-pm") ||
	    has_string(tree, node, "compatible", "brcm,bcm2711-pm") ||
	    has_string(tree, node, "compatible", "brcm,bcm2835-pm-wdt"))
		broadcom(tree, lineage, board);
	else if (has_string(tree, node, "compatible", "syscon-reboot"))
		syscon(tree, lineage, &board->reset);
	else if (has_string(tree, node, "compatible", "syscon-poweroff"))
		syscon(tree, lineage, &board->off);
}

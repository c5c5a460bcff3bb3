// SPDX-License-Identifier: GPL-2.0-only
/*
 * nosmp: the kernel has left its secondaries in the firmware's loop. They come to the pen from
 * there, as pen/boot/gather.c has them come: each release word gets the pen's door, be it one word
 * for each or one for all, and who arrives finds its slot by its MPIDR.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/of.h>
#include <linux/time64.h>
#include "contract.h"
#include "roundpen.h"
#include "word.h"

/* The second last of the doors; pen/resident/resident.lds holds the two to this. */
#define RESIDENT_ARRIVE (RESIDENT_RETURN - 8)
/* A spin loop answers in microseconds; on a busy host an emulated one has taken 0.5 s. */
#define PATIENCE_US (2 * USEC_PER_SEC)

bool roundpen_in_firmware(unsigned int cpu)
{
	return !cpu_present(cpu);
}

/* As the kernel does it, whatever the word lies in (smp_spin_table_cpu_prepare()). */
static int __init write_firmware_word(unsigned int cpu, u64 value)
{
	struct device_node *node = of_get_cpu_node(cpu, NULL);
	u64 address, *word;
	int error = of_property_read_u64(node, "cpu-release-addr", &address);

	of_node_put(node);
	word = error ? NULL : memremap(address, sizeof(*word), MEMREMAP_WB);
	if (!word) {
		refused_err("CPU%u: its release word can't be mapped", cpu);
		return error ? error : -ENOMEM;
	}
	WRITE_ONCE(*word, value);
	clean_invalidate((void __iomem *)word, sizeof(*word));
	memunmap(word);
	return 0;
}

static u32 state_of(unsigned int cpu)
{
	/* state, and behind it barred */
	return word_read(roundpen_pen.region + SLOT_OFFSET + cpu * SLOT_SIZE + SLOT_STATE);
}

static int __init wait_for(unsigned int cpu)
{
	u32 state;

	if (!read_poll_timeout(state_of, state, state != STATE_ABSENT, 100, PATIENCE_US, false,
			       cpu) && state == STATE_OFF)
		return 0;
	refused_err("CPU%u did not come from the firmware to the pen as it should, state %u",
		    cpu, state);
	return -EIO;
}

int __init roundpen_gather(void)
{
	unsigned int cpu;
	int error = 0;

	for (cpu = 0; !error && cpu < roundpen_pen.count; cpu++)
		if (roundpen_in_firmware(cpu))
			error = write_firmware_word(cpu, roundpen_pen.base + RESIDENT_ARRIVE);
	sev();
	for (cpu = 0; !error && cpu < roundpen_pen.count; cpu++)
		if (roundpen_in_firmware(cpu))
			error = wait_for(cpu);
	return error;
}

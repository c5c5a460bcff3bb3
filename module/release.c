// SPDX-License-Identifier: GPL-2.0-only
/* Pen -> kernel. */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/module.h>
#include <linux/smp.h>
#include "roundpen.h"
#include "word.h"

/*
 * cpu_boot, on the CPU that asks. The word sends the CPU from the pen to the kernel's holding
 * pen, the kernel's own cpu_boot lets it out there: the way that it came at boot. Neither has to
 * wait for the other, since both loops look before they sleep.
 */
int roundpen_release(unsigned int cpu)
{
	struct roundpen_cpu *this = &roundpen_pen.cpus[cpu];
	u64 word = word_read(this->word);

	if (this->state == ROUNDPEN_LOST) {
		pr_err("CPU%u: did not come to the pen, not booting it\n", cpu);
		return -EIO;
	}
	/* S2: anywhere else it would not see the release. */
	if (word != WORD_PARKED) {
		pr_err("CPU%u: not in the pen, its word is 0x%llx\n", cpu, word);
		return -EBUSY;
	}
	WRITE_ONCE(this->state, ROUNDPEN_RELEASED);
	word_write(roundpen_entry(), this->word);
	sev();
	return roundpen_by_psci() ? 0 : roundpen_boot_original(cpu);
}

/*
 * cpu_postboot, on the CPU that has come, before it is online. It runs in the kernel: nothing of
 * it is in the pen any more.
 */
void roundpen_arrived(void)
{
	struct roundpen_cpu *this = &roundpen_pen.cpus[smp_processor_id()];

	if (READ_ONCE(this->state) != ROUNDPEN_RELEASED)
		return;
	WRITE_ONCE(this->state, ROUNDPEN_IN_KERNEL);
	module_put(THIS_MODULE);
}

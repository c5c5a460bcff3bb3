// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has to stay: this module as long as an image is loaded, and the probes as long as this
 * module is. A jump without them ends in machine_shutdown()'s BUG_ON with the devices shut down,
 * or with PSCI in a CPU_OFF that the next kernel's tree knows nothing of.
 */
#define pr_fmt(fmt) "roundpen: " fmt

#include <linux/kexec.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include "guard.h"
#include "roundpen.h"

/* --- images -------------------------------------------------------------------------------- */

/* The normal one and the capture kernel's, and one of each on its way in. */
static const struct kimage *images[4];

bool roundpen_loaded(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(images); i++)
		if (READ_ONCE(images[i]))
			return true;
	return false;
}

void roundpen_pin(const struct kimage *image)
{
	int i;

	__module_get(THIS_MODULE);
	for (i = 0; i < ARRAY_SIZE(images); i++)
		if (!cmpxchg(&images[i], NULL, image))
			return;
	/* There are no more than two. Should there be: pinned for good. */
	WARN_ON_ONCE(1);
}

/* kimage_free() calls machine_kexec_cleanup() for each image, those that failed to load too. */
static int on_cleanup(struct kprobe *probe, struct pt_regs *regs)
{
	const struct kimage *image = (void *)regs->regs[0];
	int i;

	for (i = 0; image && i < ARRAY_SIZE(images); i++)
		if (cmpxchg(&images[i], image, NULL) == image)
			module_put(THIS_MODULE);
	return 0;
}

NOKPROBE_SYMBOL(on_cleanup);

static struct kprobe cleanup = {
	.symbol_name = "machine_kexec_cleanup",
	.pre_handler = on_cleanup,
};

/*
 * An image from before knows no pen. A capture kernel comes up on one CPU, as without us. A normal
 * one would allocate the pen's memory; only PSCI can have let it in.
 */
static int refuse_older_images(void)
{
	char text[2];
	long got = roundpen_file_read("/sys/kernel/kexec_loaded", text, sizeof(text));

	if (got < 1 ? roundpen_by_psci() : text[0] != '0') {
		refused_err("an image may be loaded already, and it knows no pen: `kexec -u`");
		return -EBUSY;
	}
#if IS_ENABLED(CONFIG_CRASH_DUMP)
	if (kexec_crash_loaded())
		pr_warn("the capture kernel that is loaded knows no pen: load it again\n");
#endif
	return 0;
}

/* --- probes -------------------------------------------------------------------------------- */

static bool hit;

static int on_test(struct kprobe *probe, struct pt_regs *regs)
{
	hit = true;
	return 0;
}

NOKPROBE_SYMBOL(on_test);

static noinline void to_be_probed(void)
{
	barrier();
}

static int refuse_disarmed_probes(void)
{
	struct kprobe probe = {
		.addr = (kprobe_opcode_t *)to_be_probed,
		.pre_handler = on_test,
	};
	int error = register_kprobe(&probe);

	if (error) {
		refused_err("no probe on a function of this module: %d", error);
		return error;
	}
	to_be_probed();
	unregister_kprobe(&probe);
	if (hit)
		return 0;
	refused_err("kprobes are disarmed: `echo 1 > /sys/kernel/debug/kprobes/enabled`");
	return -EBUSY;
}

#if IS_ENABLED(CONFIG_DEBUG_FS)
static ssize_t hold_switch(struct file *file, const char __user *user, size_t count, loff_t *at);

/* The one way to disarm all of them, kprobes/enabled of debugfs. */
static struct roundpen_detour kprobes_switch = {
	.probe.symbol_name = "write_enabled_file_bool",
	.instead = (unsigned long)hold_switch,
	.refusal = -EBUSY,
};

static ssize_t hold_switch(struct file *file, const char __user *user, size_t count, loff_t *at)
{
	bool arm;
	ssize_t answer = kstrtobool_from_user(user, count, &arm);

	if (!answer && !arm) {
		pr_err("kprobes stay armed as long as this module is loaded: `rmmod roundpen`\n");
		answer = -EBUSY;
	}
	roundpen_detour_leave();
	return answer ? answer : count;
}

static int hold_probes(void)
{
	return roundpen_detour_arm(&kprobes_switch);
}

static void let_probes_go(void)
{
	roundpen_detour_disarm(&kprobes_switch);
}
#else
static int hold_probes(void)
{
	return 0;
}

static void let_probes_go(void)
{
}
#endif

/* Held first and looked at then: nobody disarms them in between. */
int roundpen_guard_pins_arm(void)
{
	int error = hold_probes();

	if (error)
		return error;
	error = refuse_disarmed_probes();
	if (error)
		goto probes;
	error = register_kprobe(&cleanup);
	if (error) {
		refused_err("no probe on %s: %d", cleanup.symbol_name, error);
		goto probes;
	}
	error = refuse_older_images();
	if (!error)
		return 0;
	unregister_kprobe(&cleanup);
probes:
	let_probes_go();
	return error;
}

void roundpen_guard_pins_disarm(void)
{
	unregister_kprobe(&cleanup);
	let_probes_go();
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says of itself in files, where it exports no function for it. Not by
 * kernel_read_file(): that asks the security modules to judge by what a file is read for, and for
 * none of its purposes (READING_UNKNOWN) IPE warns that it has no rule (6.12,
 * security/ipe/hooks.c).
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include "roundpen.h"

/* Bytes read from the start, or an errno. The path is that of whoever loads the module. */
long roundpen_file_read(const char *path, void *to, size_t most)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	loff_t at = 0;
	ssize_t got;

	if (IS_ERR(file))
		return PTR_ERR(file);
	do {
		got = kernel_read(file, to + at, most - at, &at);
	} while (got > 0 && at < most);
	filp_close(file, NULL);
	return got < 0 ? got : at;
}

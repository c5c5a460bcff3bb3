// SPDX-License-Identifier: GPL-2.0-only
/* Stand-ins for what guard_*.c have: gone when those are here. */
#include <linux/errno.h>
#include <linux/compiler.h>
#include "roundpen.h"

int __weak roundpen_guards_arm(void)
{
	return 0;
}

void __weak roundpen_guards_disarm(void)
{
}

bool __weak roundpen_loaded(void)
{
	return false;
}

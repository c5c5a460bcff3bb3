/* SPDX-License-Identifier: GPL-2.0-only */
/* For libfdt, which asks for C's. */
#include <linux/string.h>

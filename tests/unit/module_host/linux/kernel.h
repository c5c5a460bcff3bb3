/* SPDX-License-Identifier: BSD-2-Clause */
/* snprintf() is what is wanted of it. */
#include <stdio.h>

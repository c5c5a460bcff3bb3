/* SPDX-License-Identifier: BSD-2-Clause */
/* gcc's own <limits.h> wants a libc behind it; libfdt needs these alone. */
#ifndef ROUNDPEN_LIMITS_H
#define ROUNDPEN_LIMITS_H

#define INT_MAX __INT_MAX__
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX (__INT_MAX__ * 2u + 1u)
#define LONG_MAX __LONG_MAX__
#define ULONG_MAX (__LONG_MAX__ * 2ul + 1ul)

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What the module's tree_*.c take from the kernel, for a host. */
#ifndef HOST_LINUX_TYPES_H
#define HOST_LINUX_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define U64_MAX UINT64_MAX
#define __iomem
#ifndef __noreturn
#define __noreturn __attribute__((noreturn))
#endif

#endif

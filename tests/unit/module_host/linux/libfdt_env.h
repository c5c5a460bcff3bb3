/* SPDX-License-Identifier: BSD-2-Clause */
/* libfdt's own environment serves a host. */
#include <libfdt_env.h>

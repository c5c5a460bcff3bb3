/* SPDX-License-Identifier: BSD-2-Clause */
/* libfdt includes this header; the parts of it that are linked use nothing from it. */
#ifndef ROUNDPEN_STDLIB_H
#define ROUNDPEN_STDLIB_H

#endif

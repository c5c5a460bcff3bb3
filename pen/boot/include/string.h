/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of <string.h> that libfdt and boot/ use; memory.c implements it. */
#ifndef ROUNDPEN_STRING_H
#define ROUNDPEN_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *where, int value, size_t size);
size_t strlen(const char *string);
size_t strnlen(const char *string, size_t limit);
char *strrchr(const char *string, int value);

#endif

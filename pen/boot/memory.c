/* SPDX-License-Identifier: BSD-2-Clause */
/* mem* and str* for libfdt, and the counter. */
#include "boot.h"
#include <string.h>

/*
 * With caches off every access goes to memory, and an unaligned one faults:
 * move as many bytes at a time as the distance allows. Edits of a tree shift by
 * multiples of four.
 */
#define COPY_UP(type)                                                          \
	for (; size >= sizeof(type); size -= sizeof(type)) {                       \
		*(type *)(void *)to = *(const type *)(const void *)from;           \
		to += sizeof(type);                                                \
		from += sizeof(type);                                              \
	}
#define COPY_DOWN(type)                                                        \
	for (; size >= sizeof(type); size -= sizeof(type)) {                       \
		to -= sizeof(type);                                                \
		from -= sizeof(type);                                              \
		*(type *)(void *)to = *(const type *)(const void *)from;           \
	}

static void copy_up(uint8_t *to, const uint8_t *from, size_t size)
{
	uintptr_t distance = (uintptr_t)to - (uintptr_t)from;

	if (!(distance & 3)) {
		for (; size && (uintptr_t)to & 7; size--)
			*to++ = *from++;
		if (!(distance & 7))
			COPY_UP(uint64_t)
		else
			COPY_UP(uint32_t)
	}
	while (size--)
		*to++ = *from++;
}

static void copy_down(uint8_t *to, const uint8_t *from, size_t size)
{
	uintptr_t distance = (uintptr_t)to - (uintptr_t)from;

	to += size;
	from += size;
	if (!(distance & 3)) {
		for (; size && (uintptr_t)to & 7; size--)
			*--to = *--from;
		if (!(distance & 7))
			COPY_DOWN(uint64_t)
		else
			COPY_DOWN(uint32_t)
	}
	while (size--)
		*--to = *--from;
}

void *memmove(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to - (uintptr_t)from < size)
		copy_down(to, from, size);
	else
		copy_up(to, from, size);
	return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
	copy_up(to, from, size);
	return to;
}

void *memset(void *to, int value, size_t size)
{
	uint8_t *byte = to;

	while (size--)
		*byte++ = (uint8_t)value;
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *left = a, *right = b;

	for (; size; size--, left++, right++)
		if (*left != *right)
			return *left - *right;
	return 0;
}

void *memchr(const void *where, int value, size_t size)
{
	const uint8_t *byte = where;

	for (; size; size--, byte++)
		if (*byte == (uint8_t)value)
			return (void *)(uintptr_t)byte;
	return NULL;
}

size_t strnlen(const char *string, size_t limit)
{
	size_t length = 0;

	while (length < limit && string[length])
		length++;
	return length;
}

size_t strlen(const char *string)
{
	return strnlen(string, SIZE_MAX);
}

char *strrchr(const char *string, int value)
{
	char *last = NULL;

	do {
		if (*string == (char)value)
			last = (char *)(uintptr_t)string;
	} while (*string++);
	return last;
}

/* At EL2 the physical counter is always ours; below, a hypervisor may keep it. */
uint64_t now(void)
{
	uint64_t value, level;

	__asm__("mrs %0, CurrentEL" : "=r"(level));
	if (level == 1 << 2)
		__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
	else
		__asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(value)::"memory");
	return value;
}

/* Some firmware forgets CNTFRQ_EL0; a bound that is too long is still a bound. */
uint64_t ticks_per_second(void)
{
	uint64_t value;

	__asm__("mrs %0, cntfrq_el0" : "=r"(value));
	return value ? value : 1000000000;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kexec_load() with any segments, to see what is let in. Nothing of it is ever started.
 *
 * Usage: kexec-probe [-p] ADDRESS:FILE[:FROM=TO]...
 * -p: a capture kernel's. FROM=TO: in the file, FROM is replaced by the equally long TO.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/kexec.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096UL
#define ROOM (16UL << 20)

static void replace(char *content, size_t size, const char *from, const char *to)
{
	size_t length = strlen(from);

	while ((content = memmem(content, size, from, length))) {
		memcpy(content, to, length);
		content += length;
		size -= length;
	}
}

static size_t take(const char *name, char *content)
{
	FILE *file = fopen(name, "rb");
	size_t size = file ? fread(content, 1, ROOM, file) : 0;

	if (file)
		fclose(file);
	return size;
}

static struct kexec_segment segment(char *word)
{
	struct kexec_segment made = {.mem = (void *)strtoul(strsep(&word, ":"), NULL, 0)};
	char *name = strsep(&word, ":"), *from = strsep(&word, "=");
	char *content = calloc(1, ROOM);

	made.bufsz = take(name, content);
	if (word)
		replace(content, made.bufsz, from, word);
	made.buf = content;
	made.memsz = (made.bufsz + PAGE - 1) & ~(PAGE - 1);
	return made;
}

int main(int count, char **words)
{
	struct kexec_segment segments[KEXEC_SEGMENT_MAX];
	unsigned long flags = KEXEC_ARCH_DEFAULT, used = 0;

	for (int i = 1; i < count && used < KEXEC_SEGMENT_MAX; i++) {
		if (!strcmp(words[i], "-p"))
			flags |= KEXEC_ON_CRASH;
		else
			segments[used++] = segment(words[i]);
	}
	if (syscall(SYS_kexec_load, segments[0].mem, used, segments, flags)) {
		printf("%s\n", strerror(errno));
		return 1;
	}
	printf("loaded\n");
	return 0;
}

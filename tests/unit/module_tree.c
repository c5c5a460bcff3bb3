/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module's tree_check.c and tree_edit.c on the host: a tree and a pen on standard
 * input, the answer on standard output, until the input ends. tests/unit/module_tree.py
 * writes and reads them. Each tree lies in memory of exactly its size, so that the
 * address sanitizer sees whoever reads beyond it.
 */
#include "roundpen.h"
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHECK, EDIT };
enum { MADE = 1, OURS = 2 };

struct question {
	uint32_t what, flags;
	uint64_t base, size;
	uint32_t cpus, tree_size;
};

struct cpu_of_question {
	uint64_t mpidr, release_word, return_entry;
};

static void take(void *to, size_t size)
{
	if (size && fread(to, size, 1, stdin) != 1)
		exit(2);
}

static void give(const void *from, uint32_t size)
{
	if (fwrite(&size, sizeof(size), 1, stdout) != 1 ||
	    (size && fwrite(from, size, 1, stdout) != 1))
		exit(2);
	fflush(stdout);
}

static struct roundpen_pen pen_of(const struct question *question)
{
	struct roundpen_pen pen = {
		.base = question->base,
		.size = question->size,
		.made = question->flags & MADE,
		.ours = question->flags & OURS,
		.count = question->cpus,
		.cpus = calloc(question->cpus + 1, sizeof(*pen.cpus)),
	};

	for (uint32_t number = 0; number < pen.count; number++) {
		struct cpu_of_question cpu;

		take(&cpu, sizeof(cpu));
		pen.cpus[number].mpidr = cpu.mpidr;
		pen.cpus[number].release_word = cpu.release_word;
		pen.cpus[number].return_entry = cpu.return_entry;
	}
	return pen;
}

static void check(const void *tree, size_t size, const struct roundpen_pen *pen)
{
	const char *wrong = roundpen_tree_check(tree, size, pen);

	give(wrong ? wrong : "", wrong ? strlen(wrong) : 0);
}

/* The packed tree; nothing when an edit failed. */
static void edit(const void *tree, size_t size, const struct roundpen_pen *pen)
{
	size_t room = size + ROUNDPEN_TREE_ROOM;
	void *copy = malloc(room);

	if (fdt_check_full(tree, size) || fdt_open_into(tree, copy, (int)room) ||
	    roundpen_tree_edit(copy, pen) || fdt_pack(copy))
		give(NULL, 0);
	else
		give(copy, fdt_totalsize(copy));
	free(copy);
}

int main(void)
{
	struct question question;

	while (fread(&question, sizeof(question), 1, stdin) == 1) {
		struct roundpen_pen pen = pen_of(&question);
		void *tree = malloc(question.tree_size);

		take(tree, question.tree_size);
		if (question.what == CHECK)
			check(tree, question.tree_size, &pen);
		else
			edit(tree, question.tree_size, &pen);
		free(tree);
		free(pen.cpus);
	}
	return 0;
}

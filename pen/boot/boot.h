/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of boot/ know of each other. All of it runs once, on the boot
 * CPU, at the level of entry, with the MMU and caches off, and is given back.
 */
#ifndef ROUNDPEN_BOOT_H
#define ROUNDPEN_BOOT_H

#include <resident.h>
#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden) /* no GOT: all of it is one piece */

/* A half-open range of physical addresses. */
struct range {
	uint64_t start;
	uint64_t end;
};

static inline bool overlap(struct range a, struct range b)
{
	return a.start < b.end && b.start < a.end;
}

static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

/* Where everything of ours goes (place.c). */
struct places {
	uint64_t image;		/* where the loader put us */
	uint64_t kernel;	/* entry of the kernel, after a move if one is due */
	uint64_t kernel_source; /* where it stands now */
	struct range kernel_memory;
	struct range loaded; /* the wrapped Image as it came, until the kernel has moved */
	struct range beyond; /* what a move takes behind the image_size that we were promised */
	struct range reserved;
	struct range work; /* for the copy of the tree (room.c) */
};

/* One CPU node of the tree. */
struct cpu {
	uint64_t mpidr;
	uint64_t release; /* physical address of the firmware's release word */
	bool out_of_use;  /* status = "fail": not ours to wake */
};

/* One register write towards the end of the machine: struct poke of the contract. */
struct means {
	struct poke pokes[3];
	uint32_t count;
};

/*
 * A node and its ancestors, the root first, kept while walking: libfdt finds a
 * parent by walking again from the start. Starts as {.depth = -1}.
 */
#define LINEAGE_MAX 63 /* as deep as Linux's tree: FDT_MAX_DEPTH - 1 */
struct lineage {
	int nodes[LINEAGE_MAX];
	int depth;
};

/* What the tree says, as far as the pen needs it (survey.c). */
struct board {
	struct cpu cpus[SLOT_MAX];
	uint32_t cpu_count;
	uint32_t boot_cpu;
	struct means off;
	struct means reset;
	int psci_node; /* offset of the node that Linux would take for PSCI; negative: none */
};

/* A walk over the CPU nodes (reading.c); the first call of cpus_next() goes to the first. */
struct cpus {
	int parent;
	int cells; /* of an id */
	int node;
	uint64_t mpidr;
	bool failed;
	bool more_than_one_id; /* some node's reg goes on behind its first id */
};

/*
 * How far boot/ has come, which decides what an exception leaves to be done.
 * Nothing outside our own memory has been written before STAGE_GATHERING.
 */
enum stage {
	STAGE_READING,	  /* step aside */
	STAGE_EXPLAINING, /* stepping aside, and even that faults: do without the reason */
	STAGE_LEAVING,	  /* nothing is left to be tried */
	STAGE_GATHERING,  /* other CPUs are in the region: no way back */
};

/* The memory of the machine as the tree has it; `taken`: what must not be written to. */
#define RAM_MAX 32
#define LIMITS_MAX 2
#define TAKEN_MAX 224
struct map {
	struct range ram[RAM_MAX];
	struct range limits[LIMITS_MAX]; /* a crash kernel stays within these */
	struct range taken[TAKEN_MAX];
	uint32_t ram_count;
	uint32_t limit_count;
	uint32_t taken_count;
	bool overfull; /* more is taken than we can remember: nothing may be written to */
};

extern struct descriptor image_descriptor;
extern uint8_t image_start[], resident_blob[], resident_blob_end[];

/* cache.c */
void cache_clean_invalidate(struct range range);
void instructions_changed(void);

/* place.c */
struct places place(uint64_t image, const struct descriptor *wrapped);
void place_without_pen(struct places *places, const struct descriptor *wrapped);
void move_kernel(const struct places *places, const struct descriptor *wrapped);
_Noreturn void enter_refused(const struct places *places, const struct descriptor *wrapped,
			     uint64_t tree);

/*
 * Every step below answers REFUSAL_NONE or why the pen must step aside. A tree
 * is only ever read before fdt_check_full() has accepted it as a whole.
 */

/* reading.c: read it as Linux does. */
bool string_is(const void *tree, int node, const char *name, const char *wanted);
bool has_device_type(const void *tree, int node, const char *type);
#define NAME_SIZE 16 /* of a string to look for: no pointers, so nothing to relocate */
bool is_compatible(const char *string, int length, const char (*wanted)[NAME_SIZE], int count);
bool first_cell(const void *tree, int node, const char *name, uint32_t *cell);
int cells_below(const void *tree, const struct lineage *lineage, int depth, const char *name);
bool bus_cells(const void *tree, int node, int cells[2]);
bool root_cells(const void *tree, int cells[2]);
bool is_available(const void *tree, int node);
bool is_failed(const void *tree, int node);
int cpus_node(const void *tree);
bool is_cpu(const void *tree, int node);
bool cpus_begin(const void *tree, struct cpus *cpus);
bool cpus_next(const void *tree, struct cpus *cpus);
bool each_has_its_node(const void *tree, const struct board *board);
bool release_word(const void *tree, int node, uint64_t *word);
bool is_memory(const void *tree, int node, const char **property);
bool reservations_count(const void *tree);

/* survey.c, look.c, facts.c: read the tree. */
uint32_t survey(const void *tree, uint64_t own_mpidr, uint32_t offer, struct board *board);
uint32_t look_around(const void *tree, uint32_t offer, struct board *board);
uint32_t find_live_pen(const void *tree, const struct map *map, uint64_t level,
		       uint64_t *live_pen);
uint64_t read_cells(const void *value, int cells);
bool has_string(const void *tree, int node, const char *property, const char *string);
bool next_with_ancestors(const void *tree, struct lineage *lineage);
bool physical_reg(const void *tree, const struct lineage *lineage, uint64_t *address);

/* room.c: which memory may be written to. An empty range asks for nothing, or found nothing. */
void read_map(const void *tree, struct map *map);
void spare_release_words(const struct board *board, struct map *map);
bool is_ram(const struct map *map, struct range wanted);
uint32_t check_memory(const struct map *map, struct range wanted);
struct range find_room(struct map *map, const struct places *places, uint64_t size);

/* means.c: how this board is reset and switched off. */
void find_means(const void *tree, const struct lineage *lineage, const char *compatible,
		struct board *board);

/* region.c: the reserved region. */
volatile struct logbook *logbook_at(uint64_t reserved);
volatile struct slot *slot_at(uint64_t reserved, uint32_t number);
void prepare_region(uint64_t reserved, uint32_t entry_level, uint64_t entered_at);
void fill_region(uint64_t reserved, const struct board *board);

/* idle.c: what the tree says of idle states. Starts as {.count = 0}. */
#define IDLE_STATES_MAX 9 /* of a CPU, as Linux counts: CPUIDLE_STATE_MAX - 1, the first is WFI */
struct idle_states {
	uint32_t phandles[IDLE_STATES_MAX];
	bool standby[IDLE_STATES_MAX];
	uint32_t count;
};
void drop_idle_states(void *tree, int cpu, struct idle_states *known);

/* rewrite.c: a copy of the tree that tells the truth. */
size_t work_size(const void *tree);
uint32_t copy_tree(const void *tree, const struct places *places);
uint32_t reserve_region(void *tree, uint64_t reserved);
uint32_t offer_psci(void *tree, uint64_t reserved, int psci_node);
uint32_t offer_return(void *tree, uint64_t reserved);
uint32_t say_in_chosen(void *tree, const char *name, const char *value);
void mark_failed(void *tree, uint64_t mpidr);

/* gather.c */
void gather(uint64_t reserved, const struct board *board, void *tree);

/* refuse.c */
void record_refusal(uint64_t reserved, uint32_t reason, bool live);
void record_fault(uint64_t reserved, uint64_t syndrome, uint64_t instruction, uint64_t address);
const void *tree_with_refusal(const void *tree, const struct places *places, uint32_t reason,
			      bool keep_logbook);

/* memory.c */
uint64_t now(void);
uint64_t ticks_per_second(void);

/* head.S. Behind a kernel's file there have to be MAKE_WAY_MAX bytes for a copy of make_way. */
#define MAKE_WAY_MAX 256
typedef void make_way_function(uint64_t tree, uint64_t kernel, uint64_t source, uint64_t size,
			       uint64_t vbar);
extern uint8_t make_way[], make_way_end[];
extern uint64_t received_vbar;
_Noreturn void enter_kernel(uint64_t tree, uint64_t kernel);
_Noreturn void enter_resident(uint64_t door);
uint64_t try_hvc(void);

#endif

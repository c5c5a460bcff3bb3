/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and events, as the contract needs them. Included by the models.
 *
 * What stands for what (Arm ARM, DDI 0487; section titles, because numbers move):
 *  - word[], copy[], line[]: "Caches and memory hierarchy". A location has a value at the point
 *    of coherency and at most one cached copy: the caches of all CPUs with the MMU on are kept
 *    coherent by hardware ("Shareability", Inner Shareable), so one copy stands for all.
 *  - A CPU with the MMU off reads and writes word[] directly: "The effects of disabling a stage of
 *    translation", stage 1: data accesses are Device-nGnRnE. That is a mismatch of attributes
 *    with those who use the cache ("Mismatched memory attributes"), so nothing keeps the two views
 *    together except maintenance.
 *  - fill, evict: a line that is cacheable can be allocated or evicted, and if dirty written
 *    back, at any time ("Caches and memory hierarchy": behaviour that software cannot control).
 *  - clean, clean_invalidate, invalidate: "A64 cache maintenance instructions", by VA to PoC. They
 *    complete at a later DSB by the same CPU, and stay in order with this CPU's cacheable stores to
 *    the same line. An invalidate may also write a dirty line back (implementation defined).
 *  - stored[]: a store becomes visible to others at any time after it was executed, in finite
 *    time; DSB waits for it ("Data Synchronization Barrier"). Stores to different locations pass
 *    each other. Of each CPU there are one store to a word, one maintenance operation and one
 *    store to kernel memory under way; a second one of a kind waits for the first.
 *  - event[]: "Wait for Event mechanism": SEV sets the register of all CPUs, WFE clears it or
 *    sleeps; it may wake for no reason at any time (spuriously).
 *  - SEV is not ordered after an earlier store by itself ("Send Event": only a DSB does).
 * Left out: exclusives; loads that pass loads, except where a model says so; instruction
 * fetch except as a model says so; more than one level of cache (a write-back goes to the PoC).
 *
 * calm: the environment may fall silent for ever: no spontaneous fill, eviction or wake-up from then
 * on, because nobody may rely on one. What is under way still completes. So a wait that can
 * only be ended by luck ends in a state from which nothing can happen, and the search reports it.
 */
#define PARKED    0
#define RETURNING 1
#define ENTRY(k)  (k + 1)	/* where kernel k = 1, 2 wants its secondary CPUs */
#define JUNK      4
#define NO_VALUE  255

#define ABSENT 0
#define CLEAN  1
#define DIRTY  2

#define NO_OPERATION     0
#define CLEAN_LINE       1
#define CLEAN_INVALIDATE 2
#define INVALIDATE       3

#define THE_OS CPUS		/* its place in the arrays: the CPU that asks */

/* A store under way: 0, or the value and how it was made. */
#define NOTHING          0
#define CACHED(value)    (1 + value)
#define DIRECT(value)    (16 + value)
#define IS_DIRECT(store) (store >= 16)
#define VALUE(store)     (IS_DIRECT(store) -> store - 16 : store - 1)

#define WORD(cpu) ((cpu) * (1 - T2_ONE_WORD))
#define LINE(w)   ((w) * (1 - T4_ONE_LINE))

/* Trace lines: the line of the model, the lane (CPUS: the OS; CPUS + 1: memory), the words. */
#define SAY(text, lane)          printf(text, __LINE__, lane)
#define SAY1(text, lane, one)    printf(text, __LINE__, lane, one)
#define SAY2(text, lane, a, b)   printf(text, __LINE__, lane, a, b)
#define VIOLATED(text)           printf(text, __LINE__, CPUS); assert(false)
#define MEMORY (CPUS + 1)

byte word[CPUS];	/* the value at the point of coherency */
byte copy[CPUS];	/* the cached copy; 0 while there is none */
byte line[CPUS];	/* ABSENT, CLEAN or DIRTY */
byte stored[CPUS + 1];	/* a store to a release word under way */
byte upkeep[CPUS + 1];	/* a maintenance operation under way */
byte os_word;		/* the word that the OS's operations are on */
bit event[CPUS];
bit calm;
byte each;		/* loop variables, 0 between steps */
byte other;

/* Which word the operations of CPU `who` are on. */
#define WORD_OF(who) ((who == THE_OS) * os_word + (who != THE_OS) * WORD(who))

inline allocate(w) {
	for (other : 0 .. CPUS - 1) {
		if
		:: LINE(other) == LINE(w) && line[LINE(w)] == ABSENT -> copy[other] = word[other]
		:: else
		fi
	}
	other = 0;
	if
	:: line[LINE(w)] == ABSENT -> line[LINE(w)] = CLEAN
	:: else
	fi
}

inline write_back(w) {
	for (other : 0 .. CPUS - 1) {
		if
		:: LINE(other) == LINE(w) && line[LINE(w)] == DIRTY -> word[other] = copy[other]
		:: else
		fi
	}
	other = 0;
	line[LINE(w)] = CLEAN
}

inline drop(w) {
	for (other : 0 .. CPUS - 1) {
		if
		:: LINE(other) == LINE(w) -> copy[other] = 0
		:: else
		fi
	}
	other = 0;
	line[LINE(w)] = ABSENT
}

/* Perform the store of CPU `who` that is under way. */
inline complete_store(who) {
	if
	:: IS_DIRECT(stored[who]) -> word[WORD_OF(who)] = VALUE(stored[who])
	:: else ->
		allocate(WORD_OF(who));
		copy[WORD_OF(who)] = VALUE(stored[who]);
		line[LINE(WORD_OF(who))] = DIRTY
	fi;
	stored[who] = NOTHING
}

inline complete_upkeep(who) {
	if
	:: line[LINE(WORD_OF(who))] == DIRTY && upkeep[who] != INVALIDATE -> write_back(WORD_OF(who))
	:: else
	fi;
	if
	:: upkeep[who] != CLEAN_LINE -> drop(WORD_OF(who))
	:: else
	fi;
	upkeep[who] = NO_OPERATION
}

/* A cacheable load; `v` gets the value. */
inline load_cached(w, v) {
	allocate(w);
	v = copy[w]
}

inline send_event() {
	for (each : 0 .. CPUS - 1) {
		event[each] = LISTENS(each)
	}
	each = 0
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gather (pen/boot/gather.c, place.c; arrive in pen/resident/park.S): the pen takes CPUS CPUs out of
 * the firmware's spin-table, through unique words, words in one line, or one word for all, and tells the
 * kernel by the tree which of them came. CPUs may come late, after the pen has given up on them, or never.
 *
 * The firmware's words are as in memory.pml; its loop reads them with the cache off or on. What the
 * boot loader left behind in the caches, over the words and over the pen's region, may be written
 * back at any time. The slots in the region are accessed with the MMU off by everybody: stores are
 * visible at any time after they were executed; DSB waits for them.
 *
 * Left out: the time that the pen waits (it may give up at any moment, or never); CPUs that
 * are not in the tree; finding the slot; the exception level of arrival.
 */
#include "switches.pml"	/* CPUS and the switches; made by roundpen.proof.search */

byte in[CPUS];		/* where a CPU executes */
#define FIRMWARE 0	/* the vendor's loop */
#define PEN      1	/* reserved memory */
#define LISTENS(c) (in[c] == FIRMWARE)
#include "memory.pml"

#define NOT_YET  0	/* a slot before the pen has set it up: anything */
#define AWAY     1	/* CpuState ABSENT of src/roundpen/contract/layout.py */
#define OFF      2
#define FAILED   3
#define ARRIVE   2	/* what the pen writes to a release word */

byte state[CPUS];
byte new_state[CPUS];	/* stores to slots under way: by the CPU itself, */
byte boot_state[CPUS];	/* and by the boot CPU */
bit barred[CPUS];
bit boot_barred[CPUS];
bit stays[CPUS];	/* the CPU has ended up out of service */
bit parked[CPUS];	/* the CPU has ended up in the park loop */
bit failed[CPUS];	/* so says the tree */
bit region_dirty;	/* the boot loader's lines over the region */
bit region_written;	/* the resident code is there */
bit region_lost;	/* ... and was overwritten by such a line */
bit cached_loop;	/* the firmware polls with its cache on */
bit patient;		/* the boot CPU never gives up */
bit waiting;
bit handed_over;	/* the kernel runs; the memory of boot/ is its own */

#define BOOT_DSB (stored[THE_OS] == NOTHING && upkeep[THE_OS] == NO_OPERATION)

proctype Cpu(byte c) {
	byte v;

poll:
	atomic {
		if
		:: cached_loop -> load_cached(WORD(c), v)
		:: else -> v = word[WORD(c)]
		fi;
		if
		:: v == ARRIVE -> v = 0; SAY("@%d %d polls the firmware's word: released\n", c)
		:: else -> v = 0; SAY("@%d %d polls the firmware's word: 0, goes to sleep (WFE)\n", c); goto end_asleep
		fi
	}
	goto arrive;
end_asleep:
	atomic { event[c] -> event[c] = 0; SAY("@%d %d wakes\n", c); goto poll }

arrive:	/* park.S */
	atomic {
		in[c] = PEN;
		event[c] = 0;
		SAY("@%d %d arrives where its word points\n", c);
		if
		:: WORDS_POINT_TO_BOOT && handed_over ->
			VIOLATED("!%d %d no CPU executes memory that has been given away\n")
		:: else
		fi;
		if
		:: region_lost || !region_written ->
			VIOLATED("!%d %d a CPU that arrives finds the pen\n")
		:: else
		fi;
		if
		:: BAR_READ_FIRST -> v = barred[c]
		:: else
		fi;
		new_state[c] = OFF;
		SAY("@%d %d writes OFF to its state\n", c)
	}
	atomic {
		ARRIVE_NO_DSB || new_state[c] == NOTHING;
		if
		:: BAR_READ_FIRST
		:: else -> v = barred[c]
		fi;
		SAY1("@%d %d reads whether it is barred: %d\n", c, v)
	}
	atomic {
		new_state[c] == NOTHING;
		if
		:: v && !BAR_IGNORED -> new_state[c] = FAILED; stays[c] = 1; SAY("@%d %d stays out: FAILED\n", c)
		:: else -> parked[c] = 1; SAY("@%d %d parks\n", c)
		fi;
		v = 0
	}
end_home:
	false
}

proctype Boot() {
	byte c;

	/* place.c: the region, then the slots. */
	atomic {
		if
		:: REGION_NOT_CLEANED
		:: else -> region_dirty = 0; SAY("@%d %d cleans and invalidates the pen's region\n", THE_OS)
		fi
	}
	atomic {
		if
		:: RELEASES_FIRST
		:: else -> for (c : 0 .. CPUS - 1) { state[c] = AWAY }
		fi;
		region_written = 1;
		c = 0;
		SAY("@%d %d writes the resident code and the slots\n", THE_OS)
	}
release:
	do
	:: c == CPUS -> c = 0; break
	:: else ->
		atomic {
			os_word = WORD(c);
			upkeep[THE_OS] = (NO_CLEAN_BEFORE -> NO_OPERATION : CLEAN_INVALIDATE)
		}
		atomic {
			BOOT_DSB;
			stored[THE_OS] = DIRECT(ARRIVE);
			SAY1("@%d %d writes to the word of CPU%d where to arrive\n", THE_OS, c + 1)
		}
		atomic {
			NO_DSB_AFTER_STORE || BOOT_DSB;
			upkeep[THE_OS] = (NO_CLEAN_AFTER -> NO_OPERATION : CLEAN_INVALIDATE);
			c++
		}
		(NO_DSB_BEFORE_SEV || BOOT_DSB)
	od;
	atomic {
		if
		:: NO_SEV
		:: else -> send_event(); SAY("@%d %d SEV\n", THE_OS)
		fi
	}
	atomic {
		BOOT_DSB;
		os_word = 0;
		if
		:: RELEASES_FIRST -> for (c : 0 .. CPUS - 1) { state[c] = AWAY }
		:: else
		fi;
		c = 0; waiting = 1
	}
wait:
	atomic {
		do
		:: patient && c < CPUS -> state[c % CPUS] != AWAY; c++
		:: !patient || c == CPUS -> break
		od;
		c = 0; waiting = 0; calm = 0
	}
judge:	/* bar_if_not_parked() */
	do
	:: atomic { c == CPUS -> c = 0; break }
	:: atomic {
		c < CPUS && state[c % CPUS] == OFF ->
		SAY1("@%d %d reads OFF: CPU%d is there\n", THE_OS, c + 1);
		c++
	   }
	:: atomic {
		c < CPUS && state[c % CPUS] != OFF ->
		SAY1("@%d %d gives up on CPU%d, bars it\n", THE_OS, c + 1);
		failed[c] = !NOT_MARKED;
		boot_barred[c] = !NOT_BARRED
	   }
	   atomic {
		BAR_NO_DSB || !boot_barred[c];
		if
		:: state[c] == AWAY || (state[c] == OFF && LATE_OFF_BECOMES_FAILED) -> boot_state[c] = FAILED; SAY1("@%d %d writes FAILED to the state of CPU%d\n", THE_OS, c + 1)
		:: else -> SAY1("@%d %d reads that CPU%d has come after all\n", THE_OS, c + 1)
		fi;
		c++
	   }
	od;
	atomic {
		handed_over = 1;
		SAY("@%d %d hands over to the kernel; the memory of boot/ is the kernel's\n", THE_OS);
		for (c : 0 .. CPUS - 1) {
			if
			:: !failed[c] && (in[c] != PEN || (state[c] != OFF && new_state[c] != OFF)) ->
				VIOLATED("!%d %d a CPU that the tree does not call failed is in the pen\n")
			:: else
			fi
		}
		c = 0
	}
	/* When all has come to rest: what do the pen's calls say of a CPU that the tree calls failed? */
	do
	:: atomic { c == CPUS -> c = 0; break }
	:: atomic {
		c < CPUS;
		(parked[c % CPUS] || stays[c % CPUS]) && new_state[c % CPUS] == NOTHING && boot_state[c % CPUS] == NOTHING && !boot_barred[c % CPUS];
		if
		:: failed[c] && state[c] == OFF && !barred[c] ->
			VIOLATED("!%d %d a CPU that the tree calls failed is not startable\n")
		:: failed[c] && state[c] == OFF && barred[c] && STATE_TOO ->
			VIOLATED("!%d %d a CPU that the tree calls failed is not OFF by its state\n")
		:: else
		fi;
		c++
	   }
	od;
end_done:
	false
}

proctype Environment(byte c) {
end_environment:
	do
	:: atomic {
		new_state[c] != NOTHING;
		state[c] = new_state[c]; new_state[c] = NOTHING;
		SAY1("@%d %d CPU%d's state arrives\n", MEMORY, c + 1)
	   }
	:: atomic {
		boot_state[c] != NOTHING;
		state[c] = boot_state[c]; boot_state[c] = NOTHING;
		SAY1("@%d %d FAILED for CPU%d arrives\n", MEMORY, c + 1)
	   }
	:: atomic {
		boot_barred[c];
		barred[c] = 1; boot_barred[c] = 0;
		SAY1("@%d %d the bar of CPU%d arrives\n", MEMORY, c + 1)
	   }
	:: d_step {
		!calm && line[c] == ABSENT;
		allocate(c);
		SAY2("@%d %d the line of CPU%d's word is filled: %d\n", MEMORY, c + 1, copy[c])
	   }
	:: d_step {
		!calm && line[c] == CLEAN;
		drop(c);
		SAY1("@%d %d the clean line of CPU%d's word is evicted\n", MEMORY, c + 1)
	   }
	:: d_step {
		!calm && line[c] == DIRTY;
		write_back(c);
		SAY2("@%d %d the dirty line of CPU%d's word is written back: %d\n", MEMORY, c + 1, word[c])
	   }
	:: d_step {
		!calm && !event[c] && in[c] == FIRMWARE;
		event[c] = 1;
		SAY("@%d %d wakes up for no reason\n", c)
	   }
	od
}

proctype Surroundings() {
end_surroundings:
	do
	:: atomic {
		stored[THE_OS] != NOTHING;
		SAY("@%d %d the boot CPU's store arrives\n", MEMORY);
		complete_store(THE_OS)
	   }
	:: atomic {
		upkeep[THE_OS] != NO_OPERATION && (stored[THE_OS] == NOTHING || NO_DSB_AFTER_STORE);
		SAY("@%d %d the boot CPU's cache maintenance is done\n", MEMORY);
		complete_upkeep(THE_OS)
	   }
	:: atomic {
		region_dirty;
		region_dirty = 0;
		region_lost = region_written;
		SAY("@%d %d a dirty line of the boot loader is written back over the pen's region\n", MEMORY)
	   }
	:: d_step {
		waiting && !calm;
		calm = 1;
		SAY("@%d %d nothing happens by chance any more\n", MEMORY)
	   }
	od
}

init {
	byte c;

	atomic {
		set_switches();
		for (c : 0 .. CPUS - 1) {
			if
			:: line[LINE(c)] = ABSENT
			:: line[LINE(c)] = DIRTY
			fi
		}
		if
		:: cached_loop = 0
		:: cached_loop = 1
		fi;
		if
		:: patient = 0
		:: patient = 1
		fi;
		region_dirty = 1;
		for (c : 0 .. CPUS - 1) {
			run Cpu(c);
			run Environment(c)
		}
		run Boot();
		run Surroundings();
		c = 0
	}
}

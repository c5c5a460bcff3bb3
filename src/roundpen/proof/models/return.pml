/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The return contract (docs/contract.md): release, return, receipt, time-out, hotplug any number of
 * times, kexec over the old kernel's memory, crash and capture kernel.
 *
 * CPUS CPUs that come and go, and one more that asks: the OS. Kernel 1 is started by firmware, kernel 2
 * by kexec (then kernel 1's memory is given away) or by a crash (then it is not). One of the CPUs may
 * be the one on which kernel 1 was entered; one may lack cpu-return-addr.
 *
 * What may go wrong beside the protocol: a CPU hangs in the kernel for ever; firmware never answers, or
 * answers after the time-out. A receipt that is false, and a return entry that is somewhere
 * else, cannot be defended against: the OS trusts them (T7).
 *
 * Left out: two askers at once (Linux serialises them by cpu_hotplug_lock); registers x0 to x3; the CPU
 * that asks as one that returns; the length of the time-out (while a return is honest, it
 * does not fire).
 *
 * Switches: names in capitals that start with a clause's number are 0, or 1 in a mutant. DEVICE: the OS
 * maps the words as Device memory, as the Linux series does (S3, last sentence).
 */
#include "switches.pml"	/* CPUS and the switches; made by roundpen.proof.search */

byte in[CPUS];		/* where a CPU executes: FIRMWARE, that is reserved memory, or kernel 1 or 2 */
#define FIRMWARE 0
/* An event that finds a CPU in the kernel is forgotten: it could only spare that CPU one sleep. */
#define LISTENS(c) (in[c] == FIRMWARE)
#include "memory.pml"


#define NONE  0		/* what the OS told a running CPU */
#define DIE   1
#define CRASH 2

#define HONEST 0	/* how the CPU's present return goes */
#define LATE   1
#define SILENT 2

byte kernel = 1;	/* the kernel that runs */
bit gone[3];		/* reserved memory, kernel 1, kernel 2: has been given away */
bit crashed;
bit waiting;		/* the OS waits for a CPU: to arrive, or to go */
bit jumping;		/* the jump to the next kernel is under way */

/* Of each CPU, physically. */
byte vectors[CPUS];	/* the kernel into which VBAR points; 0: firmware's own */
byte walks[CPUS];	/* the kernel whose translation tables it may walk */
byte acts[CPUS];	/* the kernel for which its timers, trace and interrupts act */
byte fetched[CPUS];	/* the kernel whose entry code its instruction cache may hold */
byte fate[CPUS];
byte saying[CPUS];	/* a store "I have written 1" to that kernel's memory is under way */

/* What the OS knows: kernel memory, cacheable by all, hence coherent. */
bit returnable[CPUS];
bit online[CPUS];
bit asked[CPUS];
bit lost[CPUS];
bit said[CPUS];		/* it has written 1 since it was booted */
byte order[CPUS];
byte boot_cpu = CPUS;	/* the CPU on which this kernel was entered, if it is one of ours */
bit prepared;		/* W5 is done: kexec or a crash may come */

#define CPU_DSB(c) (stored[c] == NOTHING && upkeep[c] == NO_OPERATION && !saying[c])
#define OS_DSB     (stored[THE_OS] == NOTHING && upkeep[THE_OS] == NO_OPERATION)
#define BY_OS(value) (DEVICE -> DIRECT(value) : CACHED(value))
#define LEAVES(c)  (returnable[c] || T1_GUESSES || A5_DISABLE_SUCCEEDS)

inline os_load(w, v) {
	if
	:: DEVICE -> v = word[w]
	:: else -> load_cached(w, v)
	fi
}

/* Invalidate, then read. A dirty line is dropped or written back (implementation defined). */
inline os_read(w, v) {
	if
	:: DEVICE || A1_NO_INVALIDATE
	:: else ->
		if
		:: line[LINE(w)] == DIRTY -> write_back(w)
		:: true
		fi;
		drop(w)
	fi;
	os_load(w, v)
}

/* Whether the OS may poll at all: not before it knows that the 1 is written. */
#define POLL_BEGINS(c) (said[c] || A1_NO_KNOWLEDGE || A1_INVALIDATES_FIRST)

/* Whether os_read() would read "parked" or change the line. */
#define POLL_FINDS(w) ((A1_NO_INVALIDATE && line[LINE(w)] != ABSENT && copy[w] == PARKED) || \
	(A1_NO_INVALIDATE && line[LINE(w)] == ABSENT && word[w] == PARKED) || \
	(!A1_NO_INVALIDATE && (word[w] == PARKED || line[LINE(w)] == DIRTY)))

inline any_cpu(c) {
	if
	:: c = 0
#if CPUS > 1
	:: c = 1
#endif
#if CPUS > 2
	:: c = 2
#endif
#if CPUS > 3
	:: c = 3
#endif
	fi
}

/* ---------------------------------------------------------------- one CPU */

inline enter_kernel(c, k) {
	SAY1("@%d %d leaves firmware, enters kernel %d (S4)\n", c, k);
	if
	:: gone[k] -> VIOLATED("!%d %d no CPU executes memory that has been given away\n")
	:: !gone[k] && !asked[c] && !MAXCPUS_1 ->
		VIOLATED("!%d %d a CPU that the OS has not asked for stays in firmware\n")
	:: else
	fi;
	fetched[c] = (S4_KEEPS_INSTRUCTIONS -> fetched[c] : 0);
	if
	:: fetched[c] != 0 && fetched[c] != k && gone[fetched[c]] ->
		VIOLATED("!%d %d a CPU executes what is in memory, not what was there before\n")
	:: else
	fi;
	if
	:: acts[c] != 0 && acts[c] != k ->
		VIOLATED("!%d %d nothing of the old kernel acts after the receipt\n")
	:: else
	fi;
	event[c] = 0;
	in[c] = k; vectors[c] = k; walks[c] = k; acts[c] = k; fetched[c] = k;
	word[WORD(c)] = (W4_CLEARS_THE_WORD -> 0 : word[WORD(c)]);
	online[c] = (k == kernel -> 1 : online[c])
}

/* R1 */
inline stop_devices(c) {
	acts[c] = (R1_DEVICES_GO_ON -> acts[c] : 0);
	SAY("@%d %d masks DAIF, stops its timers, PMU, trace, GIC interface (R1)\n", c)
}

/* R2. Maintenance comes after the store by program order; both are under way until DSB. */
inline write_1(c) {
	if
	:: R2_NO_1 || W3_THE_ASKER_WRITES_1
	:: else ->
		stored[c] = (W2_THE_OS_WRITES_0 -> BY_OS(PARKED) : BY_OS(RETURNING));
		SAY1("@%d %d writes %d to its own word (R2)\n", c, VALUE(stored[c]));
		if
		:: DEVICE || R2_NO_MAINTENANCE
		:: else ->
			upkeep[c] = (R2_CLEANS_ONLY -> CLEAN_LINE :
				(R2_INVALIDATES_ONLY -> INVALIDATE : CLEAN_INVALIDATE));
			SAY("@%d %d asks to clean and invalidate the line (R2)\n", c)
		fi
	fi
}

/* F3, F4 */
inline put_to_rest(c) {
	vectors[c] = (F3_KEEPS_THE_VECTORS -> vectors[c] : FIRMWARE);
	SAY("@%d %d sets its own vectors, puts translation to rest (F3, F4)\n", c)
}

/* F5 */
inline write_0(c) {
	stored[c] = (F5_CACHE_ON -> CACHED(PARKED) : DIRECT(PARKED));
	SAY("@%d %d writes 0 to its word: the receipt (F5)\n", c)
}

#define AT_REST (!F4_NO_REST && !R3_WRONG_LEVEL)

proctype Cpu(byte c) {
	byte v;

	if
	:: in[c] != FIRMWARE -> goto end_running
	:: else
	fi;
poll:	/* F5, S5: read first, sleep second */
	atomic {
		v = (IS_DIRECT(stored[c]) -> VALUE(stored[c]) : word[WORD(c)]);
		if
		:: v > RETURNING || (S5_ONE_RELEASES && v == RETURNING) ->
			SAY1("@%d %d polls its word: %d, released\n", c, v);
			goto leave
		:: else ->
			SAY1("@%d %d polls its word: %d, goes to sleep (WFE)\n", c, v);
			v = 0
		fi
	}
end_asleep:
	atomic {
		event[c] && !F6_SLEEPS_ON;
		event[c] = 0;
		SAY("@%d %d wakes\n", c);
		if
		:: S5_ANY_WAKE_UP -> v = word[WORD(c)]; goto leave
		:: else -> goto poll
		fi
	}
leave:
	atomic {
		v = (F2_KEEPS_ENDIANNESS && fetched[c] != 0 -> JUNK : v);
		if
		:: v == ENTRY(1) || v == ENTRY(2)
		:: else ->
			SAY1("@%d %d branches to %d\n", c, v);
			VIOLATED("!%d %d a CPU executes only where it was sent\n")
		fi;
		v = v - 1;
		enter_kernel(c, v);
		v = 0
	}
end_running:
	atomic {
		(order[c] == DIE && LEAVES(c)) || (order[c] == CRASH && returnable[c]);
		if
		:: order[c] == CRASH || fate[c] == SILENT ->
			SAY("@%d %d hangs in the kernel\n", c);
			goto end_hung
		:: true
		fi;
		order[c] = NONE;
		/* What cpu_online() says. */
		online[c] = (in[c] == kernel -> 0 : online[c]);
		SAY("@%d %d marks itself offline\n", c);
		if
		:: A5_DISABLE_SUCCEEDS && !returnable[c] ->
			SAY("@%d %d finds no way back, parks in the kernel\n", c);
			goto end_hung
		:: else
		fi;
		if
		:: R2_BEFORE_R1 -> write_1(c)
		:: else -> stop_devices(c)
		fi
	}
	atomic {
		if
		:: R2_BEFORE_R1 -> stop_devices(c)
		:: else -> write_1(c)
		fi
	}
	atomic {
		R2_NO_DSB || CPU_DSB(c);
		saying[c] = in[c];
		SAY("@%d %d after DSB, tells the OS that the 1 is written (A1)\n", c)
	}
	atomic {	/* R3 */
		if
		:: F1_STAYS_IN_THE_KERNEL -> SAY("@%d %d waits in a loop inside the kernel\n", c)
		:: else ->
			in[c] = FIRMWARE;
			SAY("@%d %d enters at cpu-return-addr, MMU off (R3)\n", c)
		fi;
		if
		:: !returnable[c] || T7_DERIVES_THE_ENTRY ->
			VIOLATED("!%d %d a CPU executes only where it was sent\n")
		:: T7_MISALIGNED || R1_INTERRUPTS_OPEN ->
			in[c] = vectors[c];
			SAY("@%d %d takes an exception, runs the old kernel's vectors\n", c);
			goto end_hung
		:: R3_WRONG_LEVEL && !F7_ANSWERS ->
			SAY("@%d %d is at another level than it was handed over: no receipt (F7)\n", c);
			goto end_hung
		:: fate[c] == SILENT || (F8_ONLY_ONCE && fetched[c] == 2) ->
			SAY("@%d %d gives no receipt\n", c);
			goto end_hung
		:: else
		fi
	}
	atomic {
		if
		:: F5_RECEIPT_FIRST -> CPU_DSB(c); write_0(c)
		:: else -> put_to_rest(c)
		fi
	}
	atomic {
		if
		:: F5_RECEIPT_FIRST -> put_to_rest(c)
		:: else ->
			(F5_NO_FIRST_DSB && stored[c] == NOTHING) || CPU_DSB(c);
			walks[c] = (AT_REST && !F5_NO_FIRST_DSB -> 0 : walks[c]);
			write_0(c)
		fi
	}
	if
	:: F5_TWO_STORES -> CPU_DSB(c); write_0(c)
	:: else
	fi;
	atomic {
		F5_NO_SECOND_DSB || CPU_DSB(c);
		walks[c] = (AT_REST -> 0 : walks[c]);
		if
		:: F5_NO_SEV
		:: else -> send_event(); SAY("@%d %d after DSB, SEV (F5)\n", c)
		fi;
		goto poll
	}
end_hung:
	false
}

/* ---------------------------------------------------------------- the OS */

/* Whether a CPU cannot leave the kernel, by what the OS knows (A3, A5, C2). */
inline look_for_stuck(c, stuck) {
	c = 0; stuck = 0;
	do
	:: c == CPUS || stuck -> break
	:: else ->
		if
		:: !LEAVES(c) -> stuck = !A5_LOADS_ALL_THE_SAME
		:: LEAVES(c) && lost[c] -> stuck = !A3_LOADS_ALL_THE_SAME
		:: LEAVES(c) && !lost[c] && !online[c] && !C2_IGNORES_WORDS ->
			os_read(WORD(c), stuck);
			stuck = (stuck != PARKED)
		:: else
		fi;
		c++
	od;
	c = 0
}

inline look_who_is_there(c) {
	for (c : 0 .. CPUS - 1) {
		if
		:: gone[in[c]] ->
			SAY1("@%d %d executes there (0: reserved memory, else the kernel): %d\n", c, in[c]);
			VIOLATED("!%d %d no CPU executes memory that has been given away\n")
		:: else
		fi
	}
	c = 0
}

proctype Os() {
	byte c, v;

	atomic {
		if
		:: S1_PULLS_EARLY ->
			SAY("@%d %d pulls every CPU into its own holding loop\n", THE_OS);
			for (c : 0 .. CPUS - 1) {
				word[WORD(c)] = (in[c] == FIRMWARE -> ENTRY(1) : word[WORD(c)])
			}
			c = 0;
			send_event()
		:: else
		fi
	}
start:
	atomic {	/* What an earlier user of the words left in the caches goes (S3, Device). */
		if
		:: DEVICE && !S3_NO_FIRST_CLEAN ->
			for (c : 0 .. CPUS - 1) {
				if
				:: line[LINE(WORD(c))] == DIRTY -> write_back(WORD(c))
				:: else
				fi;
				drop(WORD(c))
			}
			c = 0
		:: else
		fi;
		if
		:: W5_NOT_WRITTEN || boot_cpu == CPUS -> prepared = 1
		:: !W5_NOT_WRITTEN && boot_cpu != CPUS && W5_LATE
		:: !W5_NOT_WRITTEN && boot_cpu != CPUS && !W5_LATE -> c = boot_cpu; goto prepare
		fi
	}
end_idle:
	do
	:: atomic {
		any_cpu(c);
		if
		:: returnable[c] && !online[c] && !(lost[c] && !A2_ONLINE_AGAIN) -> goto release
		:: online[c] && LEAVES(c) -> goto retire
		:: else -> c = 0
		fi
	   }
	:: atomic {
		!prepared;	/* W5_LATE: only now, before kexec or a crash can come */
		if
		:: online[boot_cpu % CPUS] -> c = boot_cpu; goto prepare
		:: else -> prepared = 1
		fi
	   }
	:: atomic {
		prepared;
		look_for_stuck(c, v);
		if
		:: v -> v = 0
		:: else ->
			SAY1("@%d %d kernel %d loads the next one and begins the jump\n", THE_OS, kernel);
			jumping = 1; goto jump
		fi
	   }
	:: atomic {
		prepared && kernel == 1 && !NO_CRASH;
		SAY("@%d %d kernel 1 crashes: tells the others to go, waits for none (C1)\n", THE_OS);
		crashed = 1; goto next_kernel
	   }
	od;

release:
	atomic {
		os_read(WORD(c), v);
		if
		:: v != PARKED && !S2_RELEASES_ANY -> v = 0; c = 0; goto end_idle
		:: else
		fi;
		SAY2("@%d %d kernel %d writes its entry to the word of CPU%d (S3)\n", THE_OS, kernel, c + 1);
		v = 0;
		asked[c] = 1; said[c] = 0; lost[c] = 0; order[c] = NONE; fate[c] = HONEST;
		os_word = WORD(c);
		upkeep[THE_OS] = (DEVICE || S3_NO_CLEAN -> NO_OPERATION : CLEAN_LINE);
		stored[THE_OS] = (S3_CLEANS_FIRST -> NOTHING : BY_OS(ENTRY(kernel)))
	}
	if
	:: S3_CLEANS_FIRST -> atomic { OS_DSB; stored[THE_OS] = BY_OS(ENTRY(kernel)) }
	:: else
	fi;
	atomic {
		S3_NO_DSB || OS_DSB;
		if
		:: S3_NO_SEV
		:: else -> send_event(); SAY("@%d %d after DSB, SEV (S3)\n", THE_OS)
		fi;
		waiting = 1
	}
	atomic {
		OS_DSB && online[c];
		waiting = 0; calm = 0;
		SAY1("@%d %d sees CPU%d online\n", THE_OS, c + 1);
		os_word = 0; c = 0; goto end_idle
	}

prepare:	/* W5 */
	atomic {
		SAY1("@%d %d writes its entry to the word of CPU%d, which nobody released (W5)\n", THE_OS, c + 1);
		os_word = WORD(c);
		stored[THE_OS] = BY_OS(ENTRY(kernel));
		upkeep[THE_OS] = (DEVICE -> NO_OPERATION : CLEAN_LINE)
	}
	atomic { OS_DSB; os_word = 0; c = 0; prepared = 1; goto end_idle }

jump:	/* send home who is online, one after the other */
	atomic {
		c = 0;
		do
		:: c == CPUS -> c = 0; goto overwrite
		:: else ->
			if
			:: online[c] && LEAVES(c) -> break
			:: else -> c++
			fi
		od
	}
retire:
	atomic {
		SAY1("@%d %d asks CPU%d to go\n", THE_OS, c + 1);
		order[c] = DIE; asked[c] = 0;
		if
		:: !MAY_TIME_OUT -> fate[c] = HONEST
		:: fate[c] = LATE
		:: fate[c] = SILENT
		fi;
		if
		:: W3_THE_ASKER_WRITES_1 ->
			os_word = WORD(c);
			stored[THE_OS] = BY_OS(RETURNING);
			upkeep[THE_OS] = (DEVICE -> NO_OPERATION : CLEAN_INVALIDATE);
			said[c] = 1
		:: else
		fi;
		waiting = 1
	}
wait:	/* A1: a poll that finds nothing changes nothing, and is no step */
	if
	:: atomic {
		POLL_BEGINS(c) && POLL_FINDS(WORD(c));
		os_read(WORD(c), v);
		if
		:: v == PARKED && (said[c] || A1_NO_KNOWLEDGE)
		:: else -> v = 0; goto wait
		fi;
		SAY1("@%d %d invalidates the line of CPU%d's word, reads 0: the receipt (A1, W7)\n", THE_OS, c + 1)
	   }
	:: atomic {
		A1_LOADS_PASS_LOADS && word[WORD(c)] == PARKED;	/* read early, before said[] */
		SAY1("@%d %d reads the word of CPU%d: 0\n", THE_OS, c + 1)
	   };
	   if
	   :: atomic {
		said[c];
		SAY("@%d %d only then reads that the 1 is written, and takes the 0 for the receipt\n", THE_OS)
	   }
	   :: atomic { !said[c]; goto wait }
	   fi
	:: atomic {
		W7_OFFLINE_IS_EVIDENCE && !online[c];
		SAY1("@%d %d sees CPU%d offline, and takes that for gone\n", THE_OS, c + 1)
	   }
	:: atomic {
		A5_DISABLE_SUCCEEDS && !returnable[c] && !online[c];
		SAY1("@%d %d sees CPU%d offline, and takes that for gone\n", THE_OS, c + 1);
		v = 3
	   }
	:: atomic {
		W7_A_DELAY_IS_EVIDENCE;
		SAY1("@%d %d has waited a while, and takes CPU%d for gone\n", THE_OS, c + 1)
	   }
	:: atomic {
		fate[c] != HONEST;
		SAY1("@%d %d time-out: CPU%d counts as still in the kernel (A2)\n", THE_OS, c + 1);
		v = 1
	   }
	fi;
	atomic {
		waiting = 0; calm = 0;
		if
		:: v == 1 && A2_TIMEOUT_IS_SUCCESS -> online[c] = 0
		:: v == 1 && !A2_TIMEOUT_IS_SUCCESS -> lost[c] = 1; online[c] = 0
		:: v != 1 && v != 3 && in[c] != FIRMWARE ->
			VIOLATED("!%d %d a receipt means that the CPU is in reserved memory\n")
		:: else
		fi;
		if
		:: v == 1 && jumping && !A4_OVERWRITES_ALL_THE_SAME && !A2_TIMEOUT_IS_SUCCESS ->
			SAY("@%d %d stops rather than overwrite (A4)\n", THE_OS);
			goto end_stopped
		:: else
		fi;
		v = 0; c = 0; os_word = 0;
		if
		:: jumping -> goto jump
		:: else -> goto end_idle
		fi
	}

overwrite:
	atomic {
		for (c : 0 .. CPUS - 1) {
			if
			:: (lost[c] || !LEAVES(c)) && !A4_OVERWRITES_ALL_THE_SAME ->
				SAY1("@%d %d CPU%d is stuck: finds out only now, after its devices have stopped\n", THE_OS, c + 1);
				VIOLATED("!%d %d kexec is refused before anything is touched\n")
			:: else
			fi
		}
		c = 0;
		gone[1] = 1; gone[kernel] = 1;
		gone[FIRMWARE] = T5_NOT_RESERVED;
		SAY1("@%d %d the memory of kernel %d is overwritten\n", MEMORY, kernel);
		look_who_is_there(c);
		if
		:: kernel == 2 -> goto end_stopped
		:: else
		fi
	}
next_kernel:
	atomic {
		for (c : 0 .. CPUS - 1) {
			order[c] = (crashed && online[c] -> CRASH : NONE);
			fate[c] = HONEST
		}
		if
		:: crashed && C1_WAITS -> waiting = 1
		:: else
		fi
	}
	atomic {
		c = 0;
		do
		:: waiting && c < CPUS -> !online[c] || word[WORD(c)] == PARKED; c++
		:: else -> break
		od;
		waiting = 0; calm = 0;
		for (c : 0 .. CPUS - 1) {
			online[c] = 0; lost[c] = 0; said[c] = 0
		}
		c = 0;
		kernel = 2; jumping = 0; prepared = 0; boot_cpu = CPUS;
		SAY("@%d %d kernel 2 runs\n", THE_OS);
		if
		:: T6_NOT_HANDED_ON && !gone[FIRMWARE] ->
			gone[FIRMWARE] = 1;
			SAY("@%d %d the reserved memory is used: kernel 2's tree does not name it\n", MEMORY);
			look_who_is_there(c)
		:: else
		fi;
		goto start
	}
end_stopped:
	false
}

/* ---------------------------------------------------------------- what happens by itself */
proctype Environment(byte c) {
end_environment:
	do
	:: atomic {
		stored[c] != NOTHING;
		SAY2("@%d %d CPU%d's store arrives: %d\n", MEMORY, c + 1, VALUE(stored[c]));
		complete_store(c)
	   }
	:: atomic {
		upkeep[c] != NO_OPERATION && (stored[c] == NOTHING || IS_DIRECT(stored[c]));
		SAY1("@%d %d CPU%d's cache maintenance is done\n", MEMORY, c + 1);
		complete_upkeep(c)
	   }
	:: atomic {
		saying[c];
		SAY1("@%d %d CPU%d's 'the 1 is written' arrives\n", MEMORY, c + 1);
		if
		:: gone[saying[c]] -> VIOLATED("!%d %d nothing of the old kernel acts after the receipt\n")
		:: else
		fi;
		said[c] = (saying[c] == kernel -> 1 : said[c]);
		saying[c] = 0
	   }
	:: d_step {
		!calm && !DEVICE && line[c] == ABSENT;
		allocate(c);
		SAY2("@%d %d the line of CPU%d's word is filled by speculation: %d\n", MEMORY, c + 1, copy[c])
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
		!calm && !event[c] && LISTENS(c);
		event[c] = 1;
		SAY("@%d %d wakes up for no reason\n", c)
	   }
	:: atomic {
		walks[c] && gone[walks[c]];
		SAY("@%d %d walks the old kernel's translation tables, by speculation\n", c);
		VIOLATED("!%d %d nothing of the old kernel acts after the receipt\n")
	   }
	:: atomic {
		vectors[c] && gone[vectors[c]] && in[c] == FIRMWARE;
		SAY("@%d %d takes an exception through the old kernel's vectors\n", c);
		VIOLATED("!%d %d no CPU executes memory that has been given away\n")
	   }
	:: atomic {
		acts[c] && gone[acts[c]];
		SAY("@%d %d writes trace to the old kernel's buffer\n", c);
		VIOLATED("!%d %d nothing of the old kernel acts after the receipt\n")
	   }
	od
}

proctype Surroundings() {
end_surroundings:
	do
	:: atomic {
		stored[THE_OS] != NOTHING;
		if
		:: T3_IN_HALVES && VALUE(stored[THE_OS]) != JUNK && word[os_word] != JUNK ->
			word[os_word] = JUNK;
			SAY("@%d %d one half of the OS's store arrives\n", MEMORY)
		:: else ->
			SAY1("@%d %d the OS's store arrives: %d\n", MEMORY, VALUE(stored[THE_OS]));
			complete_store(THE_OS)
		fi
	   }
	:: atomic {
		upkeep[THE_OS] != NO_OPERATION && stored[THE_OS] == NOTHING;
		SAY("@%d %d the OS's cache maintenance is done\n", MEMORY);
		complete_upkeep(THE_OS)
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
			returnable[c] = 1;
			if	/* An earlier user may have left a dirty line behind. */
			:: line[LINE(c)] = ABSENT
			:: line[LINE(c)] = DIRTY
			fi
		}
		if
		:: true
		:: boot_cpu = 0; in[0] = 1; vectors[0] = 1; walks[0] = 1; acts[0] = 1;
			fetched[0] = 1; online[0] = 1
		:: !ALL_RETURNABLE -> c = CPUS - 1; returnable[c] = 0; in[c] = 1; vectors[c] = 1; walks[c] = 1;
			acts[c] = 1; fetched[c] = 1; online[c] = 1
		fi;
		for (c : 0 .. CPUS - 1) {
			run Cpu(c);
			run Environment(c)
		}
		run Os();
		run Surroundings();
		c = 0
	}
}

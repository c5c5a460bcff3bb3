/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pen's PSCI (pen/resident/psci_on.c, psci_off.c, psci_info.c, park.S): CPU_ON, CPU_OFF and
 * AFFINITY_INFO by CPUS CPUs at once, and a kexec by the last one that is on.
 *
 * Memory: the pen runs with the MMU off, so slots are Device memory (Arm ARM, DDI 0487, "The effects
 * of disabling a stage of translation"), and there is no cache in between. A store is visible to others
 * at any time after it was executed; DMB and DSB ("Data Memory Barrier", "Data Synchronization
 * Barrier") wait for it, and stores to different fields pass each other until then. That is weaker than
 * Device-nGnRnE asks for within one peripheral, which memory is not. Events: as in memory.pml.
 *
 * The lock is taken in one step here: lock.pml shows that the real one excludes, and that nobody
 * waits for it for ever.
 *
 * Left out: loads that pass loads, except where a CPU leaves; MPIDR look-up; arguments that are refused;
 * CPU_SUSPEND; CPUs that are barred (gather.pml). Kernels call CPU_OFF only while another CPU is on.
 * calm: no new call and no wake-up for no reason from then on; see memory.pml.
 */
#include "switches.pml"	/* CPUS and the switches; made by roundpen.proof.search */

#define OFF         1	/* CpuState of src/roundpen/contract/layout.py */
#define ON_PENDING  2
#define ON          3
#define OFF_PENDING 4

#define PARKED   0
#define ENTRY(k) (k + 1)
#define PEN      0	/* where a CPU executes: reserved memory, or kernel 1 or 2 */
#define NOTHING  255
#define NOBODY   255

#define SAY(text, lane)         printf(text, __LINE__, lane)
#define SAY1(text, lane, a)     printf(text, __LINE__, lane, a)
#define VIOLATED(text)          printf(text, __LINE__, CPUS); assert(false)
#define MEMORY CPUS

/* The slots: what is visible to all. */
byte release[CPUS];
byte context[CPUS];
byte state[CPUS];

/* Stores under way, of each CPU, all to fields of slot `slot[]`. */
byte slot[CPUS];
byte new_release[CPUS];
byte new_context[CPUS];
byte new_state[CPUS];

bit event[CPUS];
bit calm;
byte lock = NOBODY;
byte each;

byte kernel = 1;
bit gone[3];
byte in[CPUS];
byte walks[CPUS];	/* the kernel whose tables EL1 of this CPU may walk */
byte winner[CPUS];	/* who was told SUCCESS since the CPU was last OFF */
bit came[CPUS];		/* it has arrived in the kernel since then */
bit waiting;
byte running;		/* how many CPUs are, or are about to be, in the kernel */

#define BARRIER(c) (new_release[c] == NOTHING && new_context[c] == NOTHING && new_state[c] == NOTHING)

inline send_event() {
	for (each : 0 .. CPUS - 1) {
		event[each] = (in[each] == PEN)
	}
	each = 0
}

inline other_cpu(c, t) {
	if
	:: t = (c + 1) % CPUS
#if CPUS > 2
	:: t = (c + 2) % CPUS
#endif
#if CPUS > 3
	:: t = (c + 3) % CPUS
#endif
	fi
}

#define MAY_BE_CLAIMED(s) (s == OFF || (ON_TAKES_OFF_PENDING && s == OFF_PENDING))

proctype Cpu(byte c) {
	byte t, v, s;

	if
	:: in[c] != PEN -> goto end_kernel
	:: else
	fi;
poll:
	atomic {
		v = (new_release[c] != NOTHING && slot[c] == c -> new_release[c] : release[c]);
		if
		:: v > 1 -> SAY1("@%d %d polls its release word: %d\n", c, v); goto leave
		:: else -> v = 0; SAY("@%d %d polls its release word: 0, goes to sleep (WFE)\n", c)
		fi
	}
end_asleep:
	atomic {
		event[c] -> event[c] = 0;
		s = (LEAVE_NO_DMB -> context[c] : 0);	/* a load that passes the one of the word */
		SAY("@%d %d wakes\n", c);
		goto poll
	}
leave:	/* leave, leave_to_el1 in park.S */
	atomic {
		s = (LEAVE_NO_DMB && s -> s : context[c]);
		SAY1("@%d %d takes the context: %d\n", c, s);
		if
		:: s != winner[c] + 1 -> VIOLATED("!%d %d a CPU starts with what the one caller gave who was told SUCCESS\n")
		:: else -> s = 0
		fi;
		BARRIER(c);
		slot[c] = c;
		if
		:: LEAVE_STATE_FIRST -> new_state[c] = ON; SAY("@%d %d writes ON to its state\n", c)
		:: LEAVE_KEEPS_THE_WORD
		:: else -> new_release[c] = PARKED; SAY("@%d %d empties its release word\n", c)
		fi
	}
	atomic {
		LEAVE_NO_DSB || BARRIER(c);
		if
		:: LEAVE_STATE_FIRST -> new_release[c] = PARKED; SAY("@%d %d empties its release word\n", c)
		:: else -> new_state[c] = ON; SAY("@%d %d writes ON to its state\n", c)
		fi;
	}
	atomic {
		v = v - 1;
		SAY1("@%d %d enters kernel %d\n", c, v);
		if
		:: gone[v] -> VIOLATED("!%d %d no CPU executes memory that has been given away\n")
		:: else
		fi;
		in[c] = v; walks[c] = v; came[c] = 1; event[c] = 0; v = 0
	}
end_kernel:
	do
	:: atomic {
		!calm && BARRIER(c);
		other_cpu(c, t);
		slot[c] = t;
		SAY1("@%d %d calls CPU_ON for CPU%d\n", c, t);
		goto cpu_on
	   }
	:: atomic {	/* AFFINITY_INFO */
		!calm && BARRIER(c);
		other_cpu(c, t);
		if
		:: state[t] == OFF || (INFO_OFF_PENDING_IS_OFF && state[t] == OFF_PENDING) ->
			SAY1("@%d %d calls AFFINITY_INFO for CPU%d: OFF\n", c, t);
			if
			:: in[t] != PEN || walks[t] ->
				VIOLATED("!%d %d AFFINITY_INFO says OFF only of a CPU that is in the pen and at rest\n")
			:: else
			fi
		:: else
		fi;
		t = 0
	   }
	:: atomic {
		!calm && running > 1 && BARRIER(c);
		running--;
		SAY("@%d %d calls CPU_OFF\n", c);
		goto cpu_off
	   }
	:: atomic {	/* kexec: AFFINITY_INFO has said OFF of all others */
		!calm && running == 1 && kernel == 1 && BARRIER(c);
		each = 0;
		do
		:: each == CPUS -> break
		:: each < CPUS && (each == c || state[each % CPUS] == OFF || KEXEC_DOES_NOT_ASK) -> each++
		:: else -> break
		od;
		if
		:: each == CPUS ->
			each = 0;
			SAY("@%d %d reads OFF of all others, and overwrites kernel 1 by kernel 2\n", c);
			gone[1] = 1; kernel = 2; in[c] = 2; walks[c] = 2
		:: else -> each = 0
		fi
	   }
	od;

cpu_on:	/* claim() in psci_on.c */
	atomic {
		ON_NO_LOCK || lock == NOBODY;
		lock = c
	}
	atomic {
		s = state[t];
		if
		:: MAY_BE_CLAIMED(s) && !ON_PENDING_LATE ->
			new_state[c] = ON_PENDING;
			SAY1("@%d %d reads OFF, writes ON_PENDING to the state of CPU%d\n", c, t)
		:: else -> SAY1("@%d %d reads state %d\n", c, s)
		fi
	}
	atomic {
		UNLOCK_NO_BARRIER || BARRIER(c);
		lock = NOBODY;
		if
		:: MAY_BE_CLAIMED(s) ->
			SAY1("@%d %d gives the lock back: has claimed CPU%d\n", c, t);
			if
			:: winner[t] != NOBODY -> VIOLATED("!%d %d one caller alone is told SUCCESS\n")
			:: else
			fi;
			winner[t] = c; came[t] = 0; running++
		:: else ->
			SAY("@%d %d gives the lock back: ALREADY_ON or ON_PENDING\n", c);
			s = 0; t = 0; goto end_kernel
		fi;
		s = 0
	}
	atomic {
		new_context[c] = c + 1;
		SAY1("@%d %d writes the context: %d\n", c, c + 1);
		if
		:: ON_PENDING_LATE -> new_state[c] = ON_PENDING
		:: else
		fi
	}
	atomic {
		ON_NO_DMB || BARRIER(c);
		new_release[c] = ENTRY(kernel);
		SAY1("@%d %d writes its entry to the release word of CPU%d\n", c, t)
	}
	atomic {
		ON_NO_DSB || BARRIER(c);
		if
		:: ON_NO_SEV
		:: else -> send_event(); SAY("@%d %d SEV\n", c)
		fi;
		waiting = 1
	}
	atomic {
		BARRIER(c) && came[t];
		waiting = 0;
		SAY1("@%d %d sees CPU%d in the kernel\n", c, t);
		t = 0; goto end_kernel
	}

cpu_off: /* psci_off.c, retire and receipt in park.S */
	atomic {
		slot[c] = c; in[c] = PEN;
		if
		:: OFF_NO_PENDING
		:: OFF_PUBLISHED_FIRST -> winner[c] = NOBODY; new_state[c] = OFF; SAY("@%d %d writes OFF to its state\n", c)
		:: else -> new_state[c] = OFF_PENDING; SAY("@%d %d writes OFF_PENDING to its state\n", c)
		fi
	}
	atomic {	/* rest_el1: ends with DSB NSH, ISB */
		if
		:: OFF_NO_REST
		:: else -> walks[c] = 0; SAY("@%d %d puts EL1 to rest\n", c)
		fi
	}
	atomic {
		BARRIER(c);
		if
		:: OFF_WORD_NOT_EMPTIED
		:: else -> new_release[c] = PARKED; SAY("@%d %d writes 0 to its release word: the loop is armed\n", c)
		fi
	}
	atomic {
		OFF_NO_DSB || BARRIER(c);
		if
		:: OFF_PUBLISHED_FIRST
		:: else -> winner[c] = NOBODY; new_state[c] = OFF; SAY("@%d %d writes OFF to its state\n", c)
		fi
	}
	atomic {
		OFF_NO_LAST_DSB || BARRIER(c);
		if
		:: OFF_NO_SEV
		:: else -> send_event(); SAY("@%d %d SEV\n", c)
		fi;
		goto poll
	}
}

proctype Environment(byte c) {
end_environment:
	do
	:: atomic {
		new_release[c] != NOTHING;
		release[slot[c]] = new_release[c]; new_release[c] = NOTHING;
		SAY1("@%d %d CPU%d's store to a release word arrives\n", MEMORY, c)
	   }
	:: atomic {
		new_context[c] != NOTHING;
		context[slot[c]] = new_context[c]; new_context[c] = NOTHING;
		SAY1("@%d %d CPU%d's store to a context arrives\n", MEMORY, c)
	   }
	:: atomic {
		new_state[c] != NOTHING;
		state[slot[c]] = new_state[c]; new_state[c] = NOTHING;
		SAY1("@%d %d CPU%d's store to a state arrives\n", MEMORY, c)
	   }
	:: atomic {
		!calm && !event[c] && in[c] == PEN;
		event[c] = 1;
		SAY("@%d %d wakes up for no reason\n", c)
	   }
	:: atomic {
		walks[c] && gone[walks[c]];
		SAY("@%d %d walks the old kernel's translation tables, by speculation\n", c);
		VIOLATED("!%d %d no CPU executes memory that has been given away\n")
	   }
	od
}

proctype Surroundings() {
end_surroundings:
	do
	:: atomic {
		waiting && !calm;
		calm = 1;
		SAY("@%d %d nothing is called or happens by chance any more\n", MEMORY)
	   }
	:: atomic {
		!waiting && calm;
		calm = 0
	   }
	od
}

init {
	byte c;

	atomic {
		set_switches();
		for (c : 0 .. CPUS - 1) {
			new_release[c] = NOTHING; new_context[c] = NOTHING; new_state[c] = NOTHING;
			state[c] = OFF; winner[c] = NOBODY; slot[c] = c
		}
		/* The boot CPU. */
		state[0] = ON; in[0] = 1; walks[0] = 1; came[0] = 1; winner[0] = 0;
		running = 1;
		for (c : 0 .. CPUS - 1) {
			run Cpu(c);
			run Environment(c)
		}
		run Surroundings();
		c = 0
	}
}

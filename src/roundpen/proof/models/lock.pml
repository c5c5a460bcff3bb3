/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pen's lock (pen/resident/lock.h, lock.c): Lamport's fast mutual exclusion behind Bar-David's
 * turn. CPUS CPUs take it and give it back any number of times. One access to memory is one step.
 *
 * Memory: as in psci.pml: a store is visible to others at any time after it was executed, DMB
 * waits for it, stores to different locations pass each other until then. A CPU sees its own.
 * Left out: loads that pass loads. Between two loads whose order counts, the lock has a DMB, or a
 * branch and no reason for the CPU to have a newer value of the first than of the second.
 *
 * FAIR: searched for cycles in which a CPU that wants the lock never gets it although every CPU goes on
 * (weak fairness). A store is then visible at once: in the lock a DMB follows every store before
 * the next access of the same CPU, except lock_busy = 0, which is followed by loads only.
 */
#include "switches.pml"	/* CPUS and the switches; made by roundpen.proof.search */

#define SAY(text, lane)         printf(text, __LINE__, lane)
#define SAY1(text, lane, a)     printf(text, __LINE__, lane, a)
#define VIOLATED(text)          printf(text, __LINE__, CPUS); assert(false)
#define MEMORY CPUS
#define NOTHING 255
#define FREE 0

byte x;
byte y;
byte turn;
bit busy[CPUS];
bit wants[CPUS];
byte new_x[CPUS];	/* stores under way, of each CPU */
byte new_y[CPUS];
byte new_turn[CPUS];
byte new_busy[CPUS];
byte new_wants[CPUS];
byte holders;
bit trying[CPUS];	/* between asking and getting; for the property */

#define DMB(c) (new_x[c] == NOTHING && new_y[c] == NOTHING && new_turn[c] == NOTHING && \
	new_busy[c] == NOTHING && new_wants[c] == NOTHING)
#define MY_Y(c) (new_y[c] != NOTHING -> new_y[c] : y)
#define MY_X(c) (new_x[c] != NOTHING -> new_x[c] : x)
#define MY_TURN(c) (new_turn[c] != NOTHING -> new_turn[c] : turn)
#define MY_WANTS(c, o) (o == c && new_wants[c] != NOTHING -> new_wants[c] : wants[o])

inline store_x(c, v)     { if :: FAIR -> x = v :: else -> new_x[c] = v fi }
inline store_y(c, v)     { if :: FAIR -> y = v :: else -> new_y[c] = v fi }
inline store_turn(c, v)  { if :: FAIR -> turn = v :: else -> new_turn[c] = v fi }
inline store_busy(c, v)  { if :: FAIR -> busy[c] = v :: else -> new_busy[c] = v fi }
inline store_wants(c, v) { if :: FAIR -> wants[c] = v :: else -> new_wants[c] = v fi }

proctype Cpu(byte c) {
	byte t;

end_idle:	/* await_turn */
	atomic {
		new_wants[c] == NOTHING;
		trying[c] = 1;
		if
		:: NO_TURN
		:: else -> store_wants(c, 1); SAY("@%d %d wants the lock\n", c)
		fi
	}
	if
	:: NO_TURN -> goto again
	:: TURN_NO_DMB
	:: else -> DMB(c)
	fi;
turn_again:
	atomic { t = MY_TURN(c); SAY1("@%d %d reads turn: CPU%d\n", c, t) }
	if
	:: atomic { t == c -> t = 0; goto again }
	:: else
	fi;
	if
	:: atomic { !MY_WANTS(c, t) -> t = 0; goto again }
	:: atomic { MY_WANTS(c, t) -> t = 0; goto turn_again }
	fi;

again:	/* lock_acquire */
	atomic {
		new_busy[c] == NOTHING;
		store_busy(c, 1); SAY("@%d %d busy = 1\n", c)
	}
	(NO_DMB_AFTER_BUSY || DMB(c));
	atomic {
		new_x[c] == NOTHING;
		store_x(c, c + 1); SAY("@%d %d x = itself\n", c)
	}
	(NO_DMB_AFTER_X || DMB(c));
	if
	:: atomic {
		MY_Y(c) != FREE && new_busy[c] == NOTHING ->
		store_busy(c, 0); SAY("@%d %d reads y: taken; busy = 0, waits\n", c)
	   }
	   atomic { MY_Y(c) == FREE -> goto again }
	:: atomic { MY_Y(c) == FREE -> SAY("@%d %d reads y: free\n", c) }
	fi;
	atomic {
		new_y[c] == NOTHING;
		store_y(c, c + 1); SAY("@%d %d y = itself\n", c)
	}
	(NO_DMB_AFTER_Y || DMB(c));
	if
	:: atomic { MY_X(c) == c + 1 -> SAY("@%d %d reads x: itself, the fast way\n", c); goto holds }
	:: atomic { MY_X(c) != c + 1 -> SAY("@%d %d reads x: somebody else, the slow way\n", c) }
	fi;
	/* outlast */
	atomic {
		new_busy[c] == NOTHING;
		store_busy(c, 0)
	}
	(NO_DMB_IN_OUTLAST || DMB(c));
	t = 0;
	do
	:: atomic { t == CPUS || SLOW_WAY_LOOKS_AT_NOBODY -> t = 0; break }
	:: atomic { t < CPUS && (t == c || !busy[t % CPUS]) -> t++ }
	od;
	if
	:: atomic { MY_Y(c) == c + 1 -> SAY("@%d %d reads y: itself\n", c) }
	:: atomic { MY_Y(c) != c + 1 && !Y_NOT_READ_AGAIN -> SAY("@%d %d reads y: somebody else, waits\n", c) }
	   atomic { MY_Y(c) == FREE -> goto again }
	:: atomic { Y_NOT_READ_AGAIN && MY_Y(c) != c + 1 }
	fi;

holds:
	atomic {
		trying[c] = 0;
		holders++;
		SAY("@%d %d holds the lock\n", c);
		if
		:: holders > 1 -> VIOLATED("!%d %d one CPU alone holds the lock\n")
		:: else
		fi
	}
	atomic { holders--; SAY("@%d %d gives it back\n", c) }

	/* lock_release */
	atomic {
		t = MY_TURN(c);
		if
		:: NO_TURN
		:: else -> new_wants[c] == NOTHING; store_wants(c, 0)
		fi
	}
	(NO_DMB_AFTER_WANTS || DMB(c));
	if
	:: atomic {
		!NO_TURN && !TURN_NOT_PASSED && !MY_WANTS(c, t) ->
		store_turn(c, (t + 1) % CPUS); SAY1("@%d %d passes the turn on from CPU%d\n", c, t)
	   }
	:: atomic { NO_TURN || TURN_NOT_PASSED || MY_WANTS(c, t) }
	fi;
	(NO_DMB_AFTER_TURN || DMB(c));
	atomic {
		new_y[c] == NOTHING;
		if
		:: Y_NOT_FREED
		:: else -> store_y(c, FREE)
		fi;
		SAY("@%d %d y = free\n", c)
	}
	(NO_DMB_AFTER_FREE || DMB(c));
	atomic { new_busy[c] == NOTHING; store_busy(c, 0); t = 0; goto end_idle }
}

proctype Buffer(byte c) {
end_buffer:
	do
	:: atomic { new_x[c] != NOTHING -> x = new_x[c]; new_x[c] = NOTHING; SAY1("@%d %d CPU%d's x arrives\n", MEMORY, c) }
	:: atomic { new_y[c] != NOTHING -> y = new_y[c]; new_y[c] = NOTHING; SAY1("@%d %d CPU%d's y arrives\n", MEMORY, c) }
	:: atomic { new_turn[c] != NOTHING -> turn = new_turn[c]; new_turn[c] = NOTHING; SAY1("@%d %d CPU%d's turn arrives\n", MEMORY, c) }
	:: atomic { new_busy[c] != NOTHING -> busy[c] = new_busy[c]; new_busy[c] = NOTHING; SAY1("@%d %d CPU%d's busy arrives\n", MEMORY, c) }
	:: atomic { new_wants[c] != NOTHING -> wants[c] = new_wants[c]; new_wants[c] = NOTHING; SAY1("@%d %d CPU%d's wants arrives\n", MEMORY, c) }
	od
}

init {
	byte c;

	atomic {
		set_switches();
		for (c : 0 .. CPUS - 1) {
			new_x[c] = NOTHING; new_y[c] = NOTHING; new_turn[c] = NOTHING; new_busy[c] = NOTHING;
			new_wants[c] = NOTHING
		}
		if	/* Any, so that no CPU is special. */
		:: turn = 0
		:: turn = CPUS - 1
		fi;
		for (c : 0 .. CPUS - 1) {
			run Cpu(c);
			if
			:: !FAIR -> run Buffer(c)
			:: else
			fi
		}
		c = 0
	}
}

#define LAST (CPUS - 1)
ltl nobody_starves { [] (trying[LAST] -> <> !trying[LAST]) }

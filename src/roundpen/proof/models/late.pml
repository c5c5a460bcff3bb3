/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The late pen (module/): a module makes it in the memory of kernel 1, which runs, or adopts it in kernel 2.
 * Its CPUs come from a kernel, not from a firmware. CPUS CPUs that come and go, and one more that asks:
 * the OS, with its user, who loads, unloads and disarms as he likes.
 *
 * Both kernels are stock ones: they pull every CPU of a spin-table into a holding loop of their own at
 * boot, never look whether a word reads 0, and can't take a CPU offline before the module is there.
 * Return and receipt are those of return.pml and as they are there; here they are one step each. What
 * is searched here is what the module adds: how the pen comes into a running kernel's memory, and what keeps
 * a user, a kexec or the next kernel from taking that memory away.
 *
 * Words and code are written without a cache (kernel 1: Normal non-cacheable; kernel 2: Device). Kernel 1 keeps
 * a cacheable alias, its linear map: nobody accesses it, but a line that was dirty before the pen was made
 * may be written back at any time.
 *
 * BY_PSCI: kernel 1 started its CPUs by a firmware's PSCI that does not give back what is turned off. It has no
 * holding loop; a CPU that the pen releases goes to the kernel's secondary entry.
 *
 * Left out: crash and capture kernel (return.pml); memory beyond the one dirty line; a receipt that is false.
 */
#include "switches.pml"	/* CPUS and the switches; made by roundpen.proof.search */

#define THE_OS CPUS
#define MEMORY (CPUS + 1)
#define SAY(text, lane)       printf(text, __LINE__, lane)
#define SAY1(text, lane, one) printf(text, __LINE__, lane, one)
#define VIOLATED(text)        printf(text, __LINE__, CPUS); assert(false)

/* Where a CPU executes. */
#define PEN      0
#define KERNEL_1 1
#define KERNEL_2 2
#define HELD_1   3	/* in the holding loop of kernel 1: in its image, but not of its CPUs */
#define HELD_2   4
#define FIRMWARE 5	/* with its PSCI: not turned on yet, or turned off and lost */
#define IMAGE(place) (place == HELD_1 -> KERNEL_1 : (place == HELD_2 -> KERNEL_2 : place))

/* A release word: 0 parked, 1 returning, else where to go. */
#define PARKED    0
#define RETURNING 1
#define ENTRY_1   2	/* the secondary entry of kernel 1 */
#define HELD(k)   (k + 2)	/* the holding loop of kernel k */
#define WAY_IN    (BY_PSCI && kernel == 1 -> ENTRY_1 : HELD(kernel))

#define NONE  0
#define GO    1

byte in[CPUS];
byte word[CPUS];
bit online[CPUS];
bit parked[CPUS];	/* the module has seen the receipt */
bit lost[CPUS];
bit silent[CPUS];	/* the CPU hangs on its way out */
byte order[CPUS];
bit let_go[CPUS];	/* the kernel has called the CPU out of its holding loop */

byte kernel = 1;
bit gone[3];		/* memory of the pen, of kernel 1, of kernel 2: has been given away */
bit line_dirty = 1;	/* over what becomes the pen, in the cache through the linear map */
bit made;		/* the pen stands */
bit spoilt;		/* ... and was overwritten by that line */
bit module;
bit armed;		/* the probe on get_cpu_ops */
bit pinned;
bit loaded;
bit good_tree;		/* the loaded tree names the pen, reserved and complete */
bit clear;		/* no segment of the loaded image lies over the pen */
bit jumping;
byte went;		/* CPUs that went home since this kernel began; bounded, like all wishes of the user */
byte wishes;

#define WISHES 4

inline look_who_is_there(c) {
	for (c : 0 .. CPUS - 1) {
		if
		:: in[c] != FIRMWARE && gone[IMAGE(in[c])] ->
			SAY1("@%d %d executes there (0: the pen, else the kernel): %d\n", c, IMAGE(in[c]));
			VIOLATED("!%d %d no CPU executes memory that has been given away\n")
		:: else
		fi
	}
	c = 0
}

/* ---------------------------------------------------------------- one CPU */

proctype Cpu(byte c) {
end_somewhere:
	do
	:: atomic {	/* the park loop */
		in[c] == PEN && word[c] > RETURNING;
		if
		:: word[c] == ENTRY_1 -> in[c] = KERNEL_1; online[c] = 1
		:: else -> in[c] = word[c]
		fi;
		SAY1("@%d %d is released (1: into kernel 1, 3 and 4: a holding loop): %d\n", c, in[c])
	   }
	:: atomic {	/* the kernel's holding loop */
		(in[c] == HELD_1 || in[c] == HELD_2) && let_go[c];
		let_go[c] = 0;
		in[c] = IMAGE(in[c]);
		online[c] = 1;
		SAY1("@%d %d comes online in kernel %d\n", c, in[c])
	   }
	:: atomic {
		in[c] == FIRMWARE && let_go[c];
		let_go[c] = 0;
		in[c] = KERNEL_1;
		online[c] = 1;
		SAY("@%d %d is turned on by PSCI, comes online in kernel 1\n", c)
	   }
	:: atomic {
		order[c] == GO && !silent[c];
		order[c] = NONE;
		online[c] = 0;
		if
		:: CPU_OFF_GOES_TO_FIRMWARE ->
			in[c] = FIRMWARE;
			SAY("@%d %d is turned off by the firmware, which does not give it back\n", c)
		:: else ->
			word[c] = RETURNING;
			SAY("@%d %d marks itself offline, writes 1 to its word\n", c)
		fi
	   }
	:: atomic {
		word[c] == RETURNING && !online[c] && IMAGE(in[c]) == kernel && in[c] < HELD_1;
		in[c] = PEN;
		SAY("@%d %d enters the pen, MMU off\n", c);
		if
		:: spoilt || !made -> VIOLATED("!%d %d a CPU that leaves a kernel finds the pen\n")
		:: else
		fi;
		word[c] = PARKED;
		SAY("@%d %d writes 0 to its word: the receipt\n", c)
	   }
	od
}

/* ---------------------------------------------------------------- the OS */

inline any_cpu(c) {
	if
	:: c = 0
#if CPUS > 1
	:: c = 1
#endif
#if CPUS > 2
	:: c = 2
#endif
	fi
}

/* Linux's cpus_are_stuck_in_kernel(), which asks get_cpu_ops(): the module answers while the probe is armed. */
inline look_for_stuck(c, stuck) {
	stuck = !module || !armed;
	for (c : 0 .. CPUS - 1) {
		if
		:: lost[c] && !LOST_FORGOTTEN -> stuck = 1
		:: else
		fi
	}
	c = 0
}

inline unpin_if_free(c) {
	pinned = loaded && !UNPINNED_WHILE_LOADED;
	for (c : 0 .. CPUS - 1) {
		if
		:: parked[c] && !UNPINNED_WHILE_PARKED -> pinned = 1
		:: else
		fi
	}
	c = 0
}

/* Not in the kernel yet, not in the pen: in a stock kernel's holding loop, or still with the firmware. */
#define WAITS_OUTSIDE(c) (in[c] == HELD_1 + kernel - 1 || in[c] == FIRMWARE)

proctype Os() {
	byte c, v;

boot:	/* A stock kernel: every CPU of the spin-table is pulled, whatever its word reads. */
	atomic {
		if
		:: kernel == 2 ->
			for (c : 0 .. CPUS - 1) {
				word[c] = HELD(2)
			}
			c = 0;
			SAY("@%d %d kernel 2 writes its holding loop to every word\n", THE_OS)
		:: else
		fi
	}
bring_up:
	do
	:: c == CPUS -> c = 0; break
	:: atomic {
		c < CPUS && WAITS_OUTSIDE(c);
		let_go[c] = 1;
		SAY1("@%d %d calls CPU%d\n", THE_OS, c + 1)
	   };
	   atomic { online[c]; c++ }
	:: atomic {
		c < CPUS && WAITS_OUTSIDE(c);
		SAY1("@%d %d leaves CPU%d where it is (maxcpus=)\n", THE_OS, c + 1);
		c++
	   }
	:: atomic { c < CPUS && lost[c]; c++ }
	:: atomic { c < CPUS && in[c] == kernel; c++ }
	od;

end_idle:
	do
	:: atomic { !module && kernel == 1 && !made -> goto insmod }
	:: atomic { !module && made -> goto insmod }
	:: atomic {	/* rmmod */
		module && wishes < WISHES;
		unpin_if_free(c);
		if
		:: pinned
		:: else ->
			wishes++;
			module = 0; armed = 0;
			SAY("@%d %d rmmod\n", THE_OS);
			if	/* What this kernel made stays reserved, and is not used again. */
			:: kernel == 1 && PAGES_FREED -> made = 0; gone[PEN] = 1; look_who_is_there(c); gone[PEN] = 0
			:: kernel == 1 && !PAGES_FREED -> made = 0
			:: else
			fi
		fi
	   }
	:: atomic {
		module && wishes < WISHES;
		wishes++;
		armed = !armed;
		SAY1("@%d %d the user disarms or arms the probes: %d\n", THE_OS, armed)
	   }
	:: atomic {	/* the stock kernel's cpu_boot writes to no word */
		!module && in[0] == PEN -> c = 0; goto first_up
	   }
	:: atomic {
		module && armed;
		any_cpu(c);
		if
		:: online[c] && went < CPUS + 1 -> went++; v = 0; goto retire
		:: parked[c] -> goto release
		:: else -> c = 0
		fi
	   }
	:: atomic {	/* kexec -l, of any image with any tree */
		!loaded && wishes < WISHES;
		wishes++;
		look_for_stuck(c, v);
		if
		:: v -> v = 0
		:: else -> goto load
		fi
	   }
	:: atomic {
		loaded && wishes < WISHES;
		wishes++;
		loaded = 0;
		SAY("@%d %d kexec -u\n", THE_OS)
	   }
	:: atomic { loaded && kernel == 1 -> goto jump }
	:: atomic {
		module && armed && HIBERNATION_ALLOWED;	/* without a way home the kernel refuses it itself */
		SAY("@%d %d hibernates; the kernel that resumes it parks its CPUs in a pen of its own\n", THE_OS);
		for (c : 0 .. CPUS - 1) {
			in[c] = PEN
		}
		c = 0;
		gone[PEN] = 1;
		SAY("@%d %d the image is put over all memory\n", THE_OS);
		look_who_is_there(c)
	   }
	od;

insmod:
	atomic {
		c = 0;
		do
		:: c == CPUS -> c = 0; break
		:: c < CPUS && (online[c] || lost[c] || HELD_CPUS_IGNORED) -> c++
		:: c < CPUS && !(online[c] || lost[c] || HELD_CPUS_IGNORED) -> goto first_up
		od;
		if
		:: !made ->
			if
			:: REGION_NOT_CLEANED
			:: else -> line_dirty = 0; SAY("@%d %d cleans and invalidates the pen's pages\n", THE_OS)
			fi;
			made = 1; spoilt = 0; gone[PEN] = 0;
			for (c : 0 .. CPUS - 1) {
				word[c] = (WORDS_READ_0 -> PARKED : WAY_IN)
			}
			c = 0;
			SAY("@%d %d makes the pen: its code, and in each word the way into kernel 1\n", THE_OS)
		:: else ->
			SAY("@%d %d adopts the pen that its tree names\n", THE_OS)
		fi;
		module = 1; armed = 1;
		goto end_idle
	}
first_up:	/* maxcpus=: out of the holding loop first, there is no way home from it */
	atomic {
		let_go[c] = 1;
		SAY1("@%d %d calls CPU%d before it takes over\n", THE_OS, c + 1)
	}
	atomic { online[c]; c = 0; goto insmod }

release:
	atomic {
		parked[c] = 0;
		word[c] = WAY_IN;
		SAY1("@%d %d writes its way in to the word of CPU%d, SEV\n", THE_OS, c + 1)
	}
	atomic {
		in[c] == HELD_1 + kernel - 1 || online[c];
		let_go[c] = !online[c]
	}
	atomic { online[c]; c = 0; goto end_idle }

retire:
	atomic {
		SAY1("@%d %d asks CPU%d to go\n", THE_OS, c + 1);
		if
		:: silent[c] = 0
		:: MAY_TIME_OUT -> silent[c] = 1; SAY("@%d %d hangs in the kernel\n", c)
		fi;
		order[c] = GO
	}
	if
	:: atomic {
		word[c] == PARKED;
		parked[c] = 1;
		SAY1("@%d %d reads 0 in the word of CPU%d: the receipt\n", THE_OS, c + 1);
		if
		:: in[c] != PEN -> VIOLATED("!%d %d a receipt means that the CPU is in the pen\n")
		:: else
		fi
	   }
	:: atomic {
		silent[c];
		order[c] = NONE; online[c] = 0; lost[c] = 1;
		SAY1("@%d %d time-out: CPU%d counts as in the kernel\n", THE_OS, c + 1)
	   }
	fi;
	atomic {
		if
		:: jumping && lost[c] && !LOST_FORGOTTEN ->
			SAY("@%d %d stops rather than overwrite\n", THE_OS);
			goto end_stopped
		:: jumping && !(lost[c] && !LOST_FORGOTTEN) -> goto send_home
		:: else -> c = 0; goto end_idle
		fi
	}

load:
	atomic {
		if
		:: good_tree = 1
		:: good_tree = 0
		fi;
		if
		:: clear = 1
		:: clear = 0
		fi;
		SAY1("@%d %d kexec -l; the tree names the pen: %d\n", THE_OS, good_tree);
		if
		:: !good_tree && !TREE_NOT_CHECKED -> SAY("@%d %d refused: the tree\n", THE_OS)
		:: !clear && !SEGMENTS_NOT_CHECKED -> SAY("@%d %d refused: a segment over the pen\n", THE_OS)
		:: else -> loaded = 1; SAY("@%d %d accepted\n", THE_OS)
		fi;
		goto end_idle
	}

jump:
	atomic {
		look_for_stuck(c, v);
		if	/* Between load and jump: the module is gone, the probe disarmed, a CPU lost. */
		:: v && !NOT_ASKED_AGAIN ->
			SAY("@%d %d refused: asked again before the jump\n", THE_OS);
			loaded = 0; v = 0; goto end_idle
		:: v && NOT_ASKED_AGAIN -> VIOLATED("!%d %d kexec is refused before anything is touched\n")
		:: else
		fi;
		jumping = 1;
		SAY("@%d %d kexec -e\n", THE_OS)
	}
send_home:
	atomic {
		c = 0;
		do
		:: c == CPUS -> c = 0; goto overwrite
		:: c < CPUS && online[c] -> goto retire
		:: c < CPUS && !online[c] -> c++
		od
	}
overwrite:
	atomic {
		gone[KERNEL_1] = 1;
		SAY("@%d %d kernel 1 is overwritten\n", THE_OS);
		gone[PEN] = !good_tree || !clear;
		look_who_is_there(c);
		kernel = 2; loaded = 0; jumping = 0; module = 0; armed = 0; went = 0; wishes = 0;
		for (c : 0 .. CPUS - 1) {
			parked[c] = 0; let_go[c] = 0
		}
		c = 0;
		SAY("@%d %d kernel 2 runs\n", THE_OS);
		goto boot
	}
end_stopped:
	false
}

/* The line that was dirty over the pen's pages before they were the pen's. */
proctype Surroundings() {
end_surroundings:
	do
	:: atomic {
		line_dirty;
		line_dirty = 0;
		spoilt = made;
		SAY("@%d %d a dirty line is written back over the pen's pages\n", MEMORY)
	   }
	od
}

init {
	byte c;

	atomic {
		set_switches();
		for (c : 0 .. CPUS - 1) {
			in[c] = (BY_PSCI -> FIRMWARE : HELD_1)
		}
		c = 0;
		for (c : 0 .. CPUS - 1) {
			run Cpu(c)
		}
		run Os();
		run Surroundings();
		c = 0
	}
}

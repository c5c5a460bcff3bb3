/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where boot/ finds its way into resident/. The doors sit behind the last
 * vector, so that they cost no bytes of their own; resident.lds puts them there.
 */
#ifndef ROUNDPEN_RESIDENT_H
#define ROUNDPEN_RESIDENT_H

#include <contract.h>

#define RESIDENT_ARRIVE 0x7f0	/* secondaries, straight from the firmware */
#define RESIDENT_ADOPT 0x7f4	/* the boot CPU, once everything stands (psci) */

#define MPIDR_AFFINITY 0xff00ffffff	/* Aff3, Aff2, Aff1, Aff0 (Arm ARM, MPIDR_EL1) */

/*
 * SCTLR_ELx with nothing but its RES1 bits: MMU and caches off, little endian.
 * That is what a kernel finds (booting.rst; contract, S4).
 */
#define SCTLR_EL2_REST 0x30c50830
#define SCTLR_EL1_REST 0x30d00800

/*
 * While the pen itself runs, two more bits. A: with the MMU off all data is
 * Device-nGnRnE memory, where an unaligned access faults whatever A says (Arm
 * ARM, "Alignment of data accesses"), so a CPU behaves the same; an emulator that
 * models no memory types checks alignment only when A tells it to. I: fetches may
 * then be cached (Arm ARM, "Behavior of instruction fetches when all associated
 * stages of translation are disabled"); without it each one goes to memory.
 */
#define SCTLR_A 0x2
#define SCTLR_I 0x1000
#define SCTLR_EL2_PEN 0x30c51832
#define SCTLR_EL1_PEN 0x30d01802
#if SCTLR_EL2_PEN != (SCTLR_EL2_REST | SCTLR_A | SCTLR_I) || \
	SCTLR_EL1_PEN != (SCTLR_EL1_REST | SCTLR_A | SCTLR_I)
#error "SCTLR_ELx of the pen: more than A and I"
#endif

/* CNTHCTL_EL2 (E2H = 0): nothing of the timers and counters is trapped. */
#define CNTHCTL_OPEN 3

/*
 * The same bits of CNTHCTL_EL2 and CNTKCTL_EL1: EVNTEN, and EVNTI = 15, an event
 * each time when bit 15 of the counter becomes one: 3.4 ms at 19.2 MHz.
 */
#define EVENT_STREAM 0xf4

#endif

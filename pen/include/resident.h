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

/* SCTLR_ELx with nothing but its RES1 bits: MMU and caches off, little endian. */
#define SCTLR_EL2_REST 0x30c50830
#define SCTLR_EL1_REST 0x30d00800

#endif

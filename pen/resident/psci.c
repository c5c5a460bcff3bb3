/* SPDX-License-Identifier: BSD-2-Clause */
/* Which call is it? PSCI 1.1 (DEN0022) and SMCCC 1.1 (DEN0028) over HVC. */
#include "resident.h"

#define PSCI 0x84000000u /* fast call, standard service; functions 0 to 31 */
#define SMC64 (1u << 30)
#define NUMBER 0x1fu

enum number {
	PSCI_VERSION = 0,
	CPU_SUSPEND = 1,
	CPU_OFF = 2,
	CPU_ON = 3,
	AFFINITY_INFO = 4,
	MIGRATE_INFO_TYPE = 6,
	SYSTEM_OFF = 8,
	SYSTEM_RESET = 9,
	PSCI_FEATURES = 10,
};

#define SMCCC_VERSION 0x80000000u
#define SMCCC_ARCH_FEATURES 0x80000001u

#define VERSION_1_1 0x10001
#define MIGRATION_NOT_REQUIRED 2

/* The calls that pass addresses or MPIDRs exist in both widths. */
#define BOTH_WIDTHS (1u << CPU_SUSPEND | 1u << CPU_ON | 1u << AFFINITY_INFO)
#define NARROW                                                                 \
	(BOTH_WIDTHS | 1u << PSCI_VERSION | 1u << CPU_OFF | 1u << MIGRATE_INFO_TYPE |  \
	 1u << SYSTEM_OFF | 1u << SYSTEM_RESET | 1u << PSCI_FEATURES)

static bool is_psci(uint32_t function)
{
	uint32_t functions = function & SMC64 ? BOTH_WIDTHS : NARROW;

	return (function & ~(SMC64 | NUMBER)) == PSCI && functions >> (function & NUMBER) & 1;
}

static int64_t features(uint32_t function)
{
	/* The board's means decide, as in the calls themselves. */
	if (function == (PSCI | SYSTEM_OFF) && !logbook.off_pokes)
		return PSCI_NOT_SUPPORTED;
	if (function == (PSCI | SYSTEM_RESET) && !logbook.reset_pokes)
		return PSCI_NOT_SUPPORTED;
	/* CPU_SUSPEND's flags are 0: original format, platform-coordinated. */
	return is_psci(function) || function == SMCCC_VERSION ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

static int64_t smccc_call(uint32_t function, uint32_t asked)
{
	if (function == SMCCC_VERSION)
		return VERSION_1_1;
	/* No workaround lives here: the pen is not on the path of any. */
	if (function == SMCCC_ARCH_FEATURES &&
	    (asked == SMCCC_VERSION || asked == SMCCC_ARCH_FEATURES))
		return PSCI_SUCCESS;
	return PSCI_NOT_SUPPORTED;
}

int64_t psci_call(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3);
int64_t psci_call(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
	uint32_t function = (uint32_t)x0;

	if (!is_psci(function))
		return smccc_call(function, (uint32_t)x1);
	if (!(function & SMC64)) {
		x1 = (uint32_t)x1;
		x2 = (uint32_t)x2;
		x3 = (uint32_t)x3;
	}
	switch ((enum number)(function & NUMBER)) {
	case PSCI_VERSION:
		return VERSION_1_1;
	case CPU_SUSPEND:
		return psci_cpu_suspend(x1);
	case CPU_OFF:
		psci_cpu_off();
	case CPU_ON:
		return psci_cpu_on(x1, x2, x3);
	case AFFINITY_INFO:
		return psci_affinity_info(x1, x2);
	case MIGRATE_INFO_TYPE:
		return MIGRATION_NOT_REQUIRED;
	case SYSTEM_OFF:
		return psci_system(logbook.off_poke, logbook.off_pokes);
	case SYSTEM_RESET:
		return psci_system(logbook.reset_poke, logbook.reset_pokes);
	case PSCI_FEATURES:
		return features((uint32_t)x1);
	}
	return PSCI_NOT_SUPPORTED;
}

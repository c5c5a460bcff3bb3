/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of DEN0022 (PSCI) and DEN0028 (SMCCC), written down anew: the tests don't share the pen's. */
#pragma once

#define PSCI_VERSION 0x84000000u
#define CPU_SUSPEND 0x84000001u
#define CPU_OFF 0x84000002u
#define CPU_ON 0x84000003u
#define AFFINITY_INFO 0x84000004u
#define MIGRATE_INFO_TYPE 0x84000006u
#define SYSTEM_OFF 0x84000008u
#define SYSTEM_RESET 0x84000009u
#define PSCI_FEATURES 0x8400000au
#define SMCCC_VERSION 0x80000000u
#define SMCCC_ARCH_FEATURES 0x80000001u
#define CALL64 0x40000000u

#define SUCCESS 0
#define NOT_SUPPORTED (-1)
#define INVALID_PARAMETERS (-2)
#define ALREADY_ON (-4)
#define ON_PENDING (-5)
#define INTERNAL_FAILURE (-6)
#define DISABLED (-8)
#define INVALID_ADDRESS (-9)
#define STATE_ON 0
#define STATE_OFF 1
#define STATE_ON_PENDING 2

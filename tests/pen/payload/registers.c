/* SPDX-License-Identifier: BSD-2-Clause */
/* SMCCC 1.1: x4 to x30, SP, the vector registers and PSTATE survive every call. */
#include "payload.h"
#include "psci.h"

#define UNUSED 31	/* keeps the vectors 16-byte aligned */
#define NUMBERS (32 + 64)

static u64 in[NUMBERS] __attribute__((aligned(16)));
static u64 out[NUMBERS + 4] __attribute__((aligned(16)));

static void fill(u64 seed)
{
	for (u32 i = 0; i < NUMBERS; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		in[i] = seed;
	}
}

/* out: 0, or 1 + the number of the first register that changed (32 and up: vectors). */
static u32 changed(void)
{
	for (u32 i = 4; i < NUMBERS; i++)
		if (i != UNUSED && in[i] != out[i])
			return 1 + i;
	if (out[NUMBERS] != out[NUMBERS + 1])
		return 200;	/* SP */
	if (out[NUMBERS + 2] != 0x60000000)
		return 201;	/* NZCV */
	if (out[NUMBERS + 3] != 0x3c0)
		return 202;	/* DAIF */
	return 0;
}

static void survive(const char *name, u64 function, u64 x1, u64 x2, u64 x3)
{
	u64 thread0 = 0x1122334455667788ul, thread_ro = 0x99aabbccddeeff00ul;
	u32 first;

	fill(config.nonce ^ function ^ x1 << 7);
	in[0] = function;
	in[1] = x1;
	in[2] = x2;
	in[3] = x3;
	WRITE(tpidr_el0, thread0);
	WRITE(tpidrro_el0, thread_ro);
	WRITE(sp_el0, thread0 + 1);
	hvc_keep(in, out);
	first = changed();
	if (!first && (READ(tpidr_el0) != thread0 || READ(tpidrro_el0) != thread_ro ||
		       READ(sp_el0) != thread0 + 1))
		first = 203;
	say("function ");
	say_hex(function);
	say(" got ");
	say_dec((int)out[0]);
	say(" first changed ");
	say_dec((s64)first - 1);
	result(name, !first);
}

void test_registers(void)
{
	u64 me = config.mpidr[0], other = config.mpidr[1], entry = (u64)secondary;
	u64 before = cpus[1].arrived;

	WRITE(cpacr_el1, 3 << 20);
	isb();
	survive("keeps-version", PSCI_VERSION, 0, 0, 0);
	survive("keeps-smccc-version", SMCCC_VERSION, 0, 0, 0);
	survive("keeps-smccc-features", SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0, 0);
	survive("keeps-features", PSCI_FEATURES, CPU_ON, 0, 0);
	survive("keeps-migrate-info", MIGRATE_INFO_TYPE, 0, 0, 0);
	survive("keeps-unknown", 0xc600ffff, 1, 2, 3);
	survive("keeps-affinity-info", AFFINITY_INFO, other, 0, 0);
	survive("keeps-affinity-info-64", AFFINITY_INFO | CALL64, me, 0, 0);
	survive("keeps-affinity-info-bad", AFFINITY_INFO | CALL64, ~0ul, 0, 0);
	survive("keeps-on-bad-mpidr", CPU_ON | CALL64, ~0ul, entry, 0);
	survive("keeps-on-bad-entry", CPU_ON | CALL64, other, 1, 0);
	survive("keeps-on-already", CPU_ON | CALL64, me, entry, 0);
	survive("keeps-on", CPU_ON | CALL64, other, entry, 0x77);
	for (u32 spins = 0; cpus[1].arrived == before && spins < 100000; spins++)
		relax(spins);
	result("keeps-on-went-on", turn_off(1, JOB_OFF));
	if (config.gic) {
		wake_me_in(ticks_of_ms(1));
		survive("keeps-suspend", CPU_SUSPEND, 0, 0, 0);
		wake_me_in(ticks_of_ms(1));
		survive("keeps-suspend-bad", CPU_SUSPEND, BIT(16), entry, 0);
		no_wake();
	}
	if (config.tests & TEST_NO_SYSTEM_CALLS) {
		survive("keeps-system-off-unsupported", SYSTEM_OFF, 0, 0, 0);
		say("off ");
		expect("system-off-unsupported", (int)out[0], NOT_SUPPORTED);
		survive("keeps-system-reset-unsupported", SYSTEM_RESET, 0, 0, 0);
		expect("system-reset-unsupported", (int)out[0], NOT_SUPPORTED);
	}
}

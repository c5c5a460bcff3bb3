/* SPDX-License-Identifier: BSD-2-Clause */
/* Every function and every error code of DEN0022 that the pen's offer has. */
#include "payload.h"
#include "psci.h"

static s64 call(u32 function, u64 x1, u64 x2, u64 x3)
{
	return (int)hvc_call(function, x1, x2, x3);	/* results are 32-bit here */
}

static s64 feature(u32 function)
{
	return call(PSCI_FEATURES, function, 0, 0);
}

static void test_feature_bits(void)
{
	expect("features-version", feature(PSCI_VERSION), 0);
	expect("features-cpu-suspend", feature(CPU_SUSPEND), 0);
	expect("features-cpu-suspend-64", feature(CPU_SUSPEND | CALL64), 0);
	expect("features-cpu-off", feature(CPU_OFF), 0);
	expect("features-cpu-on", feature(CPU_ON), 0);
	expect("features-cpu-on-64", feature(CPU_ON | CALL64), 0);
	expect("features-affinity-info", feature(AFFINITY_INFO), 0);
	expect("features-affinity-info-64", feature(AFFINITY_INFO | CALL64), 0);
	expect("features-migrate-info-type", feature(MIGRATE_INFO_TYPE), 0);
	expect("features-features", feature(PSCI_FEATURES), 0);
	expect("features-smccc-version", feature(SMCCC_VERSION), 0);
	expect("features-unknown", feature(0x8400001f), NOT_SUPPORTED);
	expect("features-unknown-64", feature(0xc400001f), NOT_SUPPORTED);
	expect("features-migrate", feature(0x84000005), NOT_SUPPORTED);
	expect("features-version-has-no-64", feature(PSCI_VERSION | CALL64), NOT_SUPPORTED);
	expect("features-0", feature(0), NOT_SUPPORTED);
}

static void test_unknown(void)
{
	expect("unknown-0", call(0, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-psci", call(0x8400001f, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-psci-64", call(0xc400001f, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-psci-beyond-32", call(0x84000023, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-migrate", call(0x84000005, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-version-64", call(PSCI_VERSION | CALL64, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-sip", call(0x82000000, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-trng", call(0x84000050, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-ones", call(0xffffffff, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-yielding", call(0x04000000, 0, 0, 0), NOT_SUPPORTED);
	expect("unknown-is-64-bits-wide", hvc_call(0x8400001f, 0, 0, 0), NOT_SUPPORTED);
	/* SMCCC: bits above 31 of the function number are not looked at. */
	expect("function-is-w0", (int)hvc_call(0xdeadbeef00000000ul | PSCI_VERSION, 0, 0, 0),
	       0x10001);
}

void test_calls(u64 reserved)
{
	u64 me = config.mpidr[0], other = config.mpidr[1];

	(void)reserved;
	expect("version", call(PSCI_VERSION, 0, 0, 0), 0x10001);
	expect("smccc-version", call(SMCCC_VERSION, 0, 0, 0), 0x10001);
	expect("smccc-features-version", call(SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0, 0), 0);
	expect("smccc-features-features", call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_FEATURES, 0, 0), 0);
	expect("smccc-features-unknown", call(SMCCC_ARCH_FEATURES, 0x8000ffff, 0, 0),
	       NOT_SUPPORTED);
	expect("migrate-info-type", call(MIGRATE_INFO_TYPE, 0, 0, 0), 2);
	expect("affinity-info-me", call(AFFINITY_INFO, me, 0, 0), STATE_ON);
	expect("affinity-info-me-64", call(AFFINITY_INFO | CALL64, me, 0, 0), STATE_ON);
	expect("affinity-info-parked", call(AFFINITY_INFO, other, 0, 0), STATE_OFF);
	expect("affinity-info-parked-64", call(AFFINITY_INFO | CALL64, other, 0, 0), STATE_OFF);
	expect("affinity-info-32-is-w1", call(AFFINITY_INFO, other | 0xdeadul << 32, 0, 0),
	       STATE_OFF);
	test_feature_bits();
	test_unknown();
}

static void test_bad_mpidr(void)
{
	u64 entry = (u64)secondary, other = config.mpidr[1];

	expect("on-unknown-mpidr", cpu_on(0xfe, entry, 0), INVALID_PARAMETERS);
	expect("on-unknown-mpidr-32", call(CPU_ON, 0xfe, entry, 0), INVALID_PARAMETERS);
	expect("on-unknown-aff1", cpu_on(other | 0x4200, entry, 0), INVALID_PARAMETERS);
	expect("on-unknown-aff2", cpu_on(other | 0x420000, entry, 0), INVALID_PARAMETERS);
	expect("on-unknown-aff3", cpu_on(other | 1ul << 32, entry, 0), INVALID_PARAMETERS);
	expect("on-reserved-bit-24", cpu_on(other | BIT(24), entry, 0), INVALID_PARAMETERS);
	expect("on-reserved-bit-31", cpu_on(other | BIT(31), entry, 0), INVALID_PARAMETERS);
	expect("on-reserved-bit-63", cpu_on(other | BIT(63), entry, 0), INVALID_PARAMETERS);
	expect("on-all-ones", cpu_on(~0ul, entry, 0), INVALID_PARAMETERS);
	expect("affinity-info-unknown", affinity_info(0xfe), INVALID_PARAMETERS);
	expect("affinity-info-reserved-bit", affinity_info(other | BIT(31)), INVALID_PARAMETERS);
	expect("affinity-info-all-ones", affinity_info(~0ul), INVALID_PARAMETERS);
	for (u32 level = 1; level <= 4; level++) {
		say("level ");
		say_dec(level);
		say(" ");
		expect("affinity-info-level", call(AFFINITY_INFO | CALL64, other, level, 0),
		       INVALID_PARAMETERS);
	}
}

static void test_bad_entry(u64 reserved)
{
	u64 entry = (u64)secondary, other = config.mpidr[1];

	expect("on-unaligned-1", cpu_on(other, entry | 1, 0), INVALID_ADDRESS);
	expect("on-unaligned-2", cpu_on(other, entry | 2, 0), INVALID_ADDRESS);
	expect("on-unaligned-32", call(CPU_ON, other, entry | 1, 0), INVALID_ADDRESS);
	if (reserved) {
		expect("on-pen-first", cpu_on(other, reserved, 0), INVALID_ADDRESS);
		expect("on-pen-logbook", cpu_on(other, reserved + 0x1800, 0), INVALID_ADDRESS);
		expect("on-pen-last", cpu_on(other, reserved + 0xfffc, 0), INVALID_ADDRESS);
	}
	expect("refused-leaves-it-off", affinity_info(other), STATE_OFF);
}

/* Of two calls in a row, the second meets the CPU between two states. */
static void test_pending(void)
{
	u64 other = config.mpidr[1];
	u32 seen = 0, wrong = 0;
	s64 info = -100;

	for (u32 i = 0; i < 50 && !seen; i++) {
		u64 before = cpus[1].arrived;
		s64 first = cpu_on(other, (u64)secondary, i);
		s64 second = cpu_on(other, (u64)secondary, i);

		if (second == ON_PENDING) {
			info = affinity_info(other);
			seen = info == STATE_ON_PENDING;
		}
		wrong |= first != SUCCESS || (second != ON_PENDING && second != ALREADY_ON);
		for (u32 spins = 0; cpus[1].arrived == before && spins < 100000; spins++)
			relax(spins);
		wrong |= !turn_off(1, JOB_OFF);
	}
	say("affinity-info then ");
	say_dec(info);
	result("on-pending", seen && !wrong);
}

void test_errors(u64 reserved)
{
	u64 entry = (u64)secondary, other = config.mpidr[1];

	test_bad_mpidr();
	test_bad_entry(reserved);
	expect("on-myself", cpu_on(config.mpidr[0], entry, 0), ALREADY_ON);
	expect("on-myself-32", call(CPU_ON, config.mpidr[0], entry, 0), ALREADY_ON);
	result("on", turn_on(1, 0x0123456789abcdeful));
	expect("on-twice", cpu_on(other, entry, 0), ALREADY_ON);
	expect("affinity-info-on", affinity_info(other), STATE_ON);
	say("x1|x2|x3 ");
	say_hex(cpus[1].extra);
	result("on-leaks-nothing", cpus[1].extra == 0);
	result("off", turn_off(1, JOB_OFF));
	test_pending();
	/* 32-bit: the upper halves of the arguments are not part of them. */
	{
		u64 before = cpus[1].arrived, high = 0x5a5a5a5aul << 32;
		s64 got = call(CPU_ON | 0, other | high, entry | high, 0x89abcdef | high);

		for (u32 spins = 0; got == 0 && cpus[1].arrived == before && spins < 100000; spins++)
			relax(spins);
		say("got ");
		say_dec(got);
		say(" context ");
		say_hex(cpus[1].context);
		result("on-32-is-w1-w2-w3", got == 0 && cpus[1].context == 0x89abcdef);
		if (got == 0)
			result("off-after-32", turn_off(1, JOB_OFF));
	}
}

void test_disabled(void)
{
	for (u32 number = 1; number < config.cpu_count; number++) {
		say("cpu ");
		say_dec(number);
		say(" ");
		if (config.disabled[number]) {
			expect("disabled-info", affinity_info(config.mpidr[number]), DISABLED);
			say("cpu ");
			say_dec(number);
			say(" ");
			expect("disabled-on", cpu_on(config.mpidr[number], (u64)secondary, 0),
			       INTERNAL_FAILURE);
		} else {
			result("working", turn_on(number, number) && turn_off(number, JOB_OFF));
		}
	}
}

/* A timer is armed each time: what takes the call for a standby shall not sleep for ever. */
static void refuse_suspend(const char *name, u32 function, u64 power_state)
{
	s64 got;

	wake_me_in(ticks_of_ms(20));
	got = call(function, power_state, (u64)secondary, 0);
	no_wake();
	expect(name, got, INVALID_PARAMETERS);
}

/* Standby returns after an interrupt, and only then. */
void test_suspend(void)
{
	static const u32 functions[] = { CPU_SUSPEND, CPU_SUSPEND | CALL64 };

	for (u32 i = 0; i < 2; i++) {
		u64 from = now(), took;
		s64 got;

		wake_me_in(ticks_of_ms(20));
		got = call(functions[i], 0, 0, 0);
		no_wake();
		took = now() - from;
		say("microseconds ");
		say_dec((s64)(took * 1000 / ticks_of_ms(1)));
		say(" ");
		say("got ");
		say_dec(got);
		result(i ? "suspend-standby-64" : "suspend-standby",
		       got == SUCCESS && took >= ticks_of_ms(15));
	}
	refuse_suspend("suspend-powerdown", CPU_SUSPEND, BIT(16));
	refuse_suspend("suspend-powerdown-64", CPU_SUSPEND | CALL64, BIT(16));
	refuse_suspend("suspend-powerdown-extended", CPU_SUSPEND | CALL64, BIT(30));
	refuse_suspend("suspend-cluster", CPU_SUSPEND | CALL64, BIT(24));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The OS's half of the return contract (docs/contract.md), with the MMU off. */
#include "payload.h"

#define PARKED 0
#define RETURNING 1
#define PATIENCE_MS 10000

static volatile u64 *word_of(u32 number)
{
	return (volatile u64 *)(config.word + number * config.word_stride);
}

static void send_event(void)
{
	__asm__ volatile("dsb sy\n\tsev" : : : "memory");
}

/* On the CPU that goes: say so, then leave by the return entry, x0-x3 = 0, no stack. */
void go_home(void)
{
	u32 number = (u32)(this_cpu() - cpus);

	*word_of(number) = RETURNING;
	dsb();
	__asm__ volatile(
		"mov x9, %0\n\t"
		"mov x0, #0\n\tmov x1, #0\n\tmov x2, #0\n\tmov x3, #0\n\t"
		"mov sp, x0\n\t"
		"br x9"
		: : "r"(config.return_entry) : "memory");
	__builtin_unreachable();
}

static u32 reads(u32 number, u64 wanted)
{
	u64 until = now() + ticks_of_ms(PATIENCE_MS);

	for (u32 spins = 0; *word_of(number) != wanted; spins++) {
		if (now() > until)
			return 0;
		relax(spins);
	}
	return 1;
}

static u32 release(u32 number)
{
	u64 before = cpus[number].arrived;
	u64 until = now() + ticks_of_ms(PATIENCE_MS);

	*word_of(number) = (u64)secondary;
	send_event();
	for (u32 spins = 0; cpus[number].arrived == before; spins++) {
		if (now() > until)
			return 0;
		relax(spins);
	}
	/* Only the firmware's receipt may clear it. */
	return *word_of(number) == (u64)secondary && !cpus[number].context && !cpus[number].extra;
}

static u32 send_home(u32 number)
{
	post(number, JOB_RETURN, 0);
	return finished(number) && reads(number, PARKED);
}

/* A wake-up without a release, and the value that only its own kernel writes, move nobody. */
static u32 stays(u32 number)
{
	u64 before = cpus[number].arrived;
	u64 until = now() + ticks_of_ms(2);

	while (now() < until)
		send_event();
	*word_of(number) = RETURNING;
	until = now() + ticks_of_ms(2);
	while (now() < until)
		send_event();
	if (*word_of(number) != RETURNING || cpus[number].arrived != before)
		return 0;
	*word_of(number) = PARKED;
	dsb();
	return 1;
}

void test_return(void)
{
	for (u32 number = 1; number < config.cpu_count; number++) {
		u32 parked = *word_of(number) == PARKED, cycles = 0;

		say("cpu ");
		say_dec(number);
		result("return-parked-at-first", parked);
		while (cycles < config.cycles && release(number) && send_home(number))
			cycles++;
		say("cpu ");
		say_dec(number);
		say(" cycles ");
		say_dec(cycles);
		result("return-cycles", cycles == config.cycles);
		say("cpu ");
		say_dec(number);
		result("return-stays", stays(number));
	}
}

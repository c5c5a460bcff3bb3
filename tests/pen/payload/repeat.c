/* SPDX-License-Identifier: BSD-2-Clause */
/* What has to be right each of a thousand times. */
#include "payload.h"
#include "psci.h"

void test_cycles(void)
{
	for (u32 number = 1; number < config.cpu_count; number++) {
		u32 good = 0;

		while (good < config.cycles) {
			/* The context differs each time: a stale one is caught. */
			if (!turn_on(number, config.nonce ^ (u64)number << 32 ^ good))
				break;
			if (!turn_off(number, JOB_OFF))
				break;
			good++;
		}
		say("cpu ");
		say_dec(number);
		say(" cycles ");
		say_dec(good);
		say(" arrived ");
		say_dec((s64)cpus[number].arrived);
		result("cycles", good == config.cycles);
	}
}

static volatile u32 go;

#define RACE_CONTEXT(round, racer) ((u64)(round) << 16 | (racer))

/* in: round << 32 | target. Everybody calls once the boot CPU has said go. */
void race_once(u64 argument)
{
	struct cpu *me = this_cpu();
	u32 round = (u32)(argument >> 32), target = (u32)argument;
	u32 racer = (u32)(me - cpus);

	me->ready = round;
	dsb();
	while (go != round)
		__asm__ volatile("wfe" : : : "memory");
	me->answer = (u64)cpu_on(config.mpidr[target], (u64)secondary, RACE_CONTEXT(round, racer));
}

static u32 all_ready(u32 round, u32 target)
{
	u64 until = now() + ticks_of_ms(10000);

	for (u32 number = 1; number < config.cpu_count; number++) {
		for (u32 spins = 0; number != target && cpus[number].ready != round; spins++) {
			if (now() > until)
				return 0;
			relax(spins);
		}
	}
	return 1;
}

/* What each racer was told. out: how many won, or 100 and up: what went wrong. */
static u32 count_winners(u32 round, u32 target, u64 *winner, u32 *losers_pending)
{
	u32 successes = 0;

	for (u32 number = 0; number < config.cpu_count; number++) {
		if (number == target)
			continue;
		if (number && !finished(number))
			return 100;
		switch ((s64)cpus[number].answer) {
		case SUCCESS:
			successes++;
			*winner = RACE_CONTEXT(round, number);
			break;
		case ON_PENDING:
			*losers_pending += 1;
			break;
		case ALREADY_ON:
			break;
		default:
			return 101;
		}
	}
	return successes;
}

/* out: 0, or what went wrong, as a number that the host can look up here. */
static u32 one_round(u32 round, u32 target, u32 *losers_pending)
{
	u64 before = cpus[target].arrived;
	u64 winner = 0, until;
	u32 successes;

	for (u32 number = 1; number < config.cpu_count; number++)
		if (number != target)
			post(number, JOB_RACE, (u64)round << 32 | target);
	if (!all_ready(round, target))
		return 1;
	go = round;
	__asm__ volatile("dsb sy\n\tsev" : : : "memory");
	race_once((u64)round << 32 | target);
	successes = count_winners(round, target, &winner, losers_pending);
	if (successes != 1)
		return 10 + successes;
	until = now() + ticks_of_ms(10000);
	for (u32 spins = 0; cpus[target].arrived == before; spins++) {
		if (now() > until)
			return 4;
		relax(spins);
	}
	if (cpus[target].arrived != before + 1 || cpus[target].context != winner)
		return 5;
	return turn_off(target, JOB_OFF) ? 0 : 6;
}

void test_race(void)
{
	u32 good = 0, wrong = 0, pending = 0, started = 1;
	u64 winners = 0;

	for (u32 number = 1; number < config.cpu_count; number++)
		started &= turn_on(number, 0);
	for (u32 round = 1; started && round <= config.rounds; round++) {
		u32 target = 1 + round % (config.cpu_count - 1);

		/* All are on but the target; it is the only one that is not in the race. */
		if (!turn_off(target, JOB_OFF)) {
			wrong = 7;
			break;
		}
		wrong = one_round(round, target, &pending);
		if (wrong)
			break;
		winners |= BIT(cpus[target].context & 63);
		good++;
		if (!turn_on(target, 0)) {
			wrong = 8;
			break;
		}
	}
	for (u32 number = 1; !wrong && number < config.cpu_count; number++)
		turn_off(number, JOB_OFF);
	say("rounds ");
	say_dec(good);
	say(" wrong ");
	say_dec(wrong);
	say(" losers that saw it pending ");
	say_dec(pending);
	say(" winners ");
	say_hex(winners);
	result("race", started && good == config.rounds);
}

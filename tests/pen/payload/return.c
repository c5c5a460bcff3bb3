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

#define SCTLR_M BIT(0)
#define SCTLR_EE BIT(25)
#define HCR_TGE BIT(27)
#define HCR_E2H BIT(34)

/* Translation as a kernel may leave it (contract, R4), before F4 was done. */
static void disturb_el2(void)
{
	u64 hcr = READ(hcr_el2);

	WRITE(sctlr_el1, READ(sctlr_el1) | SCTLR_M);
	WRITE(vttbr_el2, 0xdead0000);
	if (field(READ(id_aa64mmfr1_el1), 8))	/* VHE */
		WRITE(hcr_el2, hcr | HCR_E2H | HCR_TGE);
	isb();
}

u64 this_vbar(void)
{
	return READ(CurrentEL) == 8 ? READ(vbar_el2) : READ(vbar_el1);
}

/* What of that is still there, on the CPU that asks: bits 0 to 4, all have to be clear. */
u64 unrest(void)
{
	struct cpu *me = this_cpu();
	u64 vectors = me->left_vbar && me->left_vbar == me->found_vbar ? 16 : 0;

	if (READ(CurrentEL) != 8)
		return (READ(sctlr_el1) & SCTLR_M) | (READ(sctlr_el1) & SCTLR_EE ? 8 : 0) | vectors;
	return (READ(hcr_el2) & HCR_E2H ? 4 : READ(sctlr_el1) & SCTLR_M) |
	       (READ(vttbr_el2) ? 2 : 0) | (READ(sctlr_el2) & SCTLR_EE ? 8 : 0) | vectors;
}

/*
 * On the CPU that goes: say so, then leave by the return entry, x0-x3 = 0, no stack.
 * Data accesses are big-endian from the SCTLR on: nothing is loaded after it.
 */
void go_home(void)
{
	u32 number = (u32)(this_cpu() - cpus);
	u64 el2 = READ(CurrentEL) == 8;
	u64 sctlr = (el2 ? READ(sctlr_el2) : READ(sctlr_el1)) | SCTLR_EE;

	cpus[number].left_vbar = this_vbar();
	*word_of(number) = RETURNING;
	dsb();
	if (el2)
		disturb_el2();
	__asm__ volatile(
		"mov x9, %0\n\tmov x10, %1\n\t"
		"cbz %2, 1f\n\t"
		"msr sctlr_el2, x10\n\tb 2f\n"
		"1:\tmsr sctlr_el1, x10\n"
		"2:\tisb\n\t"
		"mov x0, #0\n\tmov x1, #0\n\tmov x2, #0\n\tmov x3, #0\n\t"
		"mov sp, x0\n\t"
		"br x9"
		: : "r"(config.return_entry), "r"(sctlr), "r"(el2) : "x9", "x10", "memory");
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

/* After a return: nothing of the last kernel's translation may be left (contract, F2 to F4). */
static u32 rests(u32 number)
{
	post(number, JOB_UNREST, 0);
	return finished(number) && !cpus[number].answer;
}

static u32 send_home(u32 number)
{
	post(number, JOB_RETURN, 0);
	return finished(number) && reads(number, PARKED);
}

/* Our own WFE lets the other run where all CPUs share one host thread. */
static void wake_for_a_while(void)
{
	u64 until = now() + ticks_of_ms(2);

	while (now() < until) {
		send_event();
		relax(0);
	}
}

/* A wake-up without a release, and the value that only its own kernel writes, move nobody. */
static u32 stays(u32 number)
{
	u64 before = cpus[number].arrived;

	wake_for_a_while();
	*word_of(number) = RETURNING;
	wake_for_a_while();
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
		while (cycles < config.cycles && release(number) && rests(number) &&
		       send_home(number))
			cycles++;
		say("cpu ");
		say_dec(number);
		say(" cycles ");
		say_dec(cycles);
		result("return-cycles", cycles == config.cycles);
		say("cpu ");
		say_dec(number);
		/* Whoever took the 1 for a release is not there for the real one. */
		result("return-stays", cycles == config.cycles && stays(number) &&
				       release(number) && send_home(number));
	}
}

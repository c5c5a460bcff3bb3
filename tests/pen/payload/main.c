/* SPDX-License-Identifier: BSD-2-Clause */
/* The test kernel: report how it was entered, run what the host asked for, save, end. */
#include "payload.h"
#include "psci.h"

static u32 big32(u64 address)
{
	return __builtin_bswap32(*(volatile u32 *)address);
}

/*
 * The base of /reserved-memory/roundpen@<hex>, from the node's name; 0: none.
 * Only names are looked at: the host checks the tree itself, with libfdt.
 */
u64 find_reserved(u64 tree, u64 *size)
{
	static const char wanted[] = "roundpen@";
	u64 end;

	*size = 0;
	/* No machine here has RAM so high up: the host has had a wrong address passed. */
	if (!tree || tree & 7 || tree >> 36 || big32(tree) != 0xd00dfeed)
		return 0;
	*size = big32(tree + 4);
	if (*size > 0x200000)
		*size = 0x200000;
	end = tree + *size - 32;
	for (u64 at = tree + big32(tree + 8); at < end; at += 4) {
		const char *name = (const char *)at + 4;
		u64 base = 0;
		u32 i = 0;

		if (big32(at) != 1)	/* FDT_BEGIN_NODE */
			continue;
		while (wanted[i] && name[i] == wanted[i])
			i++;
		if (wanted[i])
			continue;
		for (; name[i]; i++)
			base = base << 4 | (u64)(name[i] <= '9' ? name[i] - '0' : name[i] - 'a' + 10);
		return base;
	}
	return 0;
}

/* SCTLR: M, A, C, I, EE; as after a reset, whatever ran before us on this CPU. */
#define SCTLR_USED (BIT(0) | BIT(1) | BIT(2) | BIT(12) | BIT(25))

static void report_control(void)
{
	u32 el2 = READ(CurrentEL) == 8;
	u64 sctlr = el2 ? READ(sctlr_el2) : READ(sctlr_el1);

	say_hex(sctlr);
	result("entry-sctlr", !(sctlr & SCTLR_USED));
	if (!el2)
		return;
	say("hcr ");
	say_hex(READ(hcr_el2));
	end_line();
	/* As a kernel does first; what it was is on record. */
	WRITE(hcr_el2, BIT(31));
	isb();
}

static void report_entry(const u64 *entered, u64 reserved)
{
	say("level ");
	say_dec((s64)(READ(CurrentEL) >> 2));
	say(" tree ");
	say_hex(entered[0]);
	say(" image ");
	say_hex((u64)image_start);
	say(" reserved ");
	say_hex(reserved);
	say(" mpidr ");
	say_hex(READ(mpidr_el1) & 0xff00fffffful);
	end_line();
	say("x1|x2|x3 ");
	say_hex(entered[1] | entered[2] | entered[3]);
	result("entry-registers", !(entered[1] | entered[2] | entered[3]));
	say_hex(READ(daif));
	result("entry-daif", READ(daif) == 0x3c0);
	report_control();
}

static void system_call(const char *name, u32 function)
{
	say(name);
	end_line();
	/* Nothing after this line is expected to run. */
	expect(name, (int)hvc_call(function, 0, 0, 0), -100);
}

static void pause_a_while(void)
{
	u64 until = now() + ticks_of_ms(1500);

	for (u32 spins = 0; now() < until; spins++)
		relax(spins);
}

static void run(u64 reserved)
{
	const u64 tests = config.tests;

	if (tests & TEST_PAUSE)
		pause_a_while();
	if (tests & TEST_SPIN)
		test_spin_table();
	if (tests & TEST_RETURN)
		test_return();
	if (tests & TEST_CALLS)
		test_calls(reserved);
	if (tests & TEST_ERRORS)
		test_errors(reserved);
	if (tests & TEST_DISABLED)
		test_disabled();
	if (tests & TEST_REGISTERS)
		test_registers();
	if (tests & TEST_SUSPEND)
		test_suspend();
	if (tests & TEST_STATE)
		test_state();
	if (tests & TEST_FEATURES)
		test_features();
	if (tests & TEST_CYCLES)
		test_cycles();
	if (tests & TEST_RACE)
		test_race();
	if (tests & TEST_OFF)
		system_call("system-off", SYSTEM_OFF);
	if (tests & TEST_RESET)
		system_call("system-reset", SYSTEM_RESET);
}

void boot_main(const u64 *entered) __attribute__((noreturn));
void boot_main(const u64 *entered)
{
	u64 tree_size, tree = entered[0];
	u64 reserved = find_reserved(tree, &tree_size);
	struct cpu *me = &cpus[0];

	if (config.tests & TEST_STATE)
		take_view(0);
	/* PL011: on, transmitter on. The firmware's settings are good enough for the rest. */
	*(volatile u32 *)(config.uart + 0x30) = 0x101;
	WRITE(tpidr_el1, me);
	report_entry(entered, reserved);
	if (tree_size)
		save("tree.dtb", tree, tree_size);
	if (config.chain) {
		say("chain ");
		say_hex(config.chain);
		end_line();
		enter_image(tree, config.chain);
	}
	if (config.tests & ~(u64)TEST_FRONT) {
		gic_setup();
		gic_setup_cpu();
		run(reserved);
	}
	if (reserved)
		save("reserved.bin", reserved, 0x10000);
	if (config.tests & TEST_FRONT)
		save("front.bin", (u64)image_start - 0x200000, 0x200000);
	finish(0);
}

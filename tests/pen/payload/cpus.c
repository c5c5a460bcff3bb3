/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUs, their jobs and their waiting. Each waits on words that only one other writes. */
#include "payload.h"
#include "psci.h"

#define TIMER_PPI 27	/* the virtual timer, on every board here that has a GIC */
#define PATIENCE_MS 10000

struct cpu cpus[CPU_MAX];

struct cpu *this_cpu(void)
{
	return (struct cpu *)READ(tpidr_el1);
}

u64 now(void)
{
	isb();
	return READ(cntpct_el0);
}

u64 ticks_of_ms(u64 ms)
{
	return ms * READ(cntfrq_el0) / 1000;
}

static void write32(u64 address, u32 value)
{
	*(volatile u32 *)address = value;
}

/* Shared parts: group 1 (or the only group) on. NS and single-security views agree on the bits. */
void gic_setup(void)
{
	if (config.gic == 3)
		write32(config.gicd, 0x13);
	else if (config.gic == 2)
		write32(config.gicd, 1);
}

static u64 my_redistributor(void)
{
	u64 mpidr = READ(mpidr_el1);
	u32 affinity = (u32)(mpidr & 0xffffff) | (u32)(mpidr >> 32 & 0xff) << 24;
	u64 frame = config.gic_cpu;

	while (*(volatile u32 *)(frame + 0xc) != affinity)
		frame += 0x20000;
	return frame;
}

void gic_setup_cpu(void)
{
	if (config.gic == 3) {
		u64 frame = my_redistributor();

		write32(frame + 0x14, *(volatile u32 *)(frame + 0x14) & ~2u);	/* awake */
		write32(frame + 0x10080, ~0u);
		write32(frame + 0x10100, 1u << TIMER_PPI);
		WRITE(S3_0_C12_C12_5, READ(S3_0_C12_C12_5) | 1);	/* ICC_SRE_EL1 */
		isb();
		WRITE(S3_0_C4_C6_0, 0xff);	/* ICC_PMR_EL1 */
		WRITE(S3_0_C12_C12_7, 1);	/* ICC_IGRPEN1_EL1 */
		isb();
	} else if (config.gic == 2) {
		write32(config.gicd + 0x100, 1u << TIMER_PPI);
		write32(config.gic_cpu + 4, 0xff);
		write32(config.gic_cpu, 1);
	}
}

void wake_me_in(u64 ticks)
{
	WRITE(cntv_tval_el0, ticks);
	WRITE(cntv_ctl_el0, 1);
	isb();
}

void no_wake(void)
{
	WRITE(cntv_ctl_el0, 0);
	isb();
}

/*
 * One step of waiting. QEMU's WFE lets another CPU run when all share one host
 * thread and is nothing at all otherwise: then only sleep leaves the host to others.
 */
void relax(u32 spins)
{
	if (spins < 64 || !config.gic) {
		__asm__ volatile("wfe" : : : "memory");
		return;
	}
	wake_me_in(ticks_of_ms(1) / 20);
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
	no_wake();
}

s64 cpu_on(u64 mpidr, u64 entry, u64 context)
{
	return (int)hvc_call(CPU_ON | CALL64, mpidr, entry, context);
}

s64 affinity_info(u64 mpidr)
{
	return (int)hvc_call(AFFINITY_INFO | CALL64, mpidr, 0, 0);
}

u32 is_off(u32 number)
{
	u64 until = now() + ticks_of_ms(PATIENCE_MS);

	for (u32 spins = 0; affinity_info(config.mpidr[number]) != STATE_OFF; spins++) {
		if (now() > until)
			return 0;
		relax(spins);
	}
	return 1;
}

/* CPU_ON and wait until it is here; 1 if both went well. */
u32 turn_on(u32 number, u64 context)
{
	struct cpu *cpu = &cpus[number];
	u64 before = cpu->arrived;
	u64 until = now() + ticks_of_ms(PATIENCE_MS);

	if (cpu_on(config.mpidr[number], (u64)secondary, context) != SUCCESS)
		return 0;
	for (u32 spins = 0; cpu->arrived == before; spins++) {
		if (now() > until)
			return 0;
		relax(spins);
	}
	return cpu->arrived == before + 1 && cpu->context == context;
}

void post(u32 number, enum job job, u64 argument)
{
	struct cpu *cpu = &cpus[number];

	cpu->job = job;
	cpu->argument = argument;
	dsb();
	cpu->posted++;
	__asm__ volatile("dsb sy\n\tsev" : : : "memory");
}

u32 finished(u32 number)
{
	struct cpu *cpu = &cpus[number];
	u64 until = now() + ticks_of_ms(PATIENCE_MS);

	for (u32 spins = 0; cpu->done != cpu->posted; spins++) {
		if (now() > until)
			return 0;
		relax(spins);
	}
	return 1;
}

/* Send it home by JOB_OFF or JOB_DIRTY_OFF and wait until AFFINITY_INFO says OFF. */
u32 turn_off(u32 number, enum job how)
{
	post(number, how, 0);
	return finished(number) && is_off(number);
}

/* Without a pen: the way in that the firmware left is as good as it was. */
void test_spin_table(void)
{
	for (u32 number = 1; number < config.cpu_count; number++) {
		volatile u64 *word = (volatile u64 *)(config.word + number * config.word_stride);
		u64 until = now() + ticks_of_ms(PATIENCE_MS);

		*word = (u64)secondary;
		__asm__ volatile("dsb sy\n\tsev" : : : "memory");
		for (u32 spins = 0; !cpus[number].arrived && now() < until; spins++)
			relax(spins);
		say("cpu ");
		say_dec(number);
		result("spin-table", cpus[number].arrived == 1);
	}
}

static void work(struct cpu *me)
{
	enum job job = me->job;

	if (job == JOB_OFF || job == JOB_DIRTY_OFF) {
		if (job == JOB_DIRTY_OFF)
			dirty();
		me->done = me->posted;
		dsb();
		hvc_call(CPU_OFF, 0, 0, 0);
		for (;;)	/* came back from CPU_OFF: never OFF, and the host is told so */
			__asm__ volatile("wfi");
	}
	if (job == JOB_RETURN) {
		me->done = me->posted;
		go_home();
	}
	if (job == JOB_UNREST)
		me->answer = unrest();
	if (job == JOB_FEATURES)
		run_features();
	if (job == JOB_RACE)
		race_once(me->argument);
	dsb();
	me->done = me->posted;
	__asm__ volatile("dsb sy\n\tsev" : : : "memory");
}

void secondary_main(u64 number, const u64 *entered) __attribute__((noreturn));
void secondary_main(u64 number, const u64 *entered)
{
	struct cpu *me = &cpus[number];

	if (READ(CurrentEL) == 4)
		take_view(number);
	me->found_vbar = this_vbar();
	WRITE(tpidr_el1, me);
	set_vectors_asm();
	gic_setup_cpu();
	me->context = entered[0];
	me->extra = entered[1] | entered[2] | entered[3];
	dsb();
	me->arrived++;
	__asm__ volatile("dsb sy\n\tsev" : : : "memory");
	for (;;) {
		for (u32 spins = 0; me->posted == me->done; spins++)
			relax(spins);
		work(me);
	}
}

/* A probe's exception is noted and its instruction skipped; any other ends the run. */
void on_exception(void);
void on_exception(void)
{
	struct cpu *me = this_cpu();
	u64 el2 = READ(CurrentEL) == 8;
	u64 syndrome = el2 ? READ(esr_el2) : READ(esr_el1);
	u64 address = el2 ? READ(elr_el2) : READ(elr_el1);

	if (me && me->probing) {
		me->trapped = syndrome ? syndrome : 1;
		/* An SVC's return address is behind it already. */
		if (syndrome >> 26 == 0x15)
			me->trapped = 0;
		else if (el2)
			WRITE(elr_el2, address + 4);
		else
			WRITE(elr_el1, address + 4);
		return;
	}
	say("exception esr ");
	say_hex(syndrome);
	say(" at ");
	say_hex(address - (u64)image_start);
	say(" cpu ");
	say_hex(READ(mpidr_el1));
	end_line();
	finish(3);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller as Linux wants it from secure firmware: every
 * interrupt in the non-secure group, the system registers open (GICv3).
 * Register offsets: IHI 0048 (GICv2), IHI 0069 (GICv3).
 */
#include "vendor.h"

#define GICD_CTLR 0x000
#define GICD_TYPER 0x004
#define GICD_IGROUPR 0x080
#define GICD_IGRPMODR 0xd00
#define GICC_PMR 0x004
#define GICR_TYPER 0x008
#define GICR_WAKER 0x014
#define GICR_SGI_FRAME 0x10000
#define GICR_STRIDE 0x20000

static u32 read32(u64 address)
{
	return *(volatile u32 *)address;
}

static void write32(u64 address, u32 value)
{
	*(volatile u32 *)address = value;
}

static void shared_interrupts_to_ns(u64 gicd, u32 modifier)
{
	u32 words = (read32(gicd + GICD_TYPER) & 0x1f) + 1;

	for (u32 i = 1; i < words; i++) {
		write32(gicd + GICD_IGROUPR + 4 * i, ~0u);
		if (modifier)
			write32(gicd + GICD_IGRPMODR + 4 * i, 0);
	}
}

/* boot: this CPU also does what all CPUs share. */
void gic2_hand_over(struct params *params, u32 boot)
{
	if (boot)
		shared_interrupts_to_ns(params->gicd, 0);
	write32(params->gicd + GICD_IGROUPR, ~0u);	/* banked: one per CPU */
	/* The lowest mask of the secure half: the non-secure side may move within its own. */
	write32(params->gic_cpu + GICC_PMR, 0x80);
}

/* out: the redistributor of this CPU; 0 if the region ends first. */
static u64 my_redistributor(struct params *params)
{
	u64 mpidr = READ(mpidr_el1);
	u32 affinity = (u32)(mpidr & 0xffffff) | (u32)(mpidr >> 32 & 0xff) << 24;

	for (u64 frame = params->gic_cpu;; frame += GICR_STRIDE) {
		if (read32(frame + GICR_TYPER + 4) == affinity)
			return frame;
		if (read32(frame + GICR_TYPER) & BIT(4))	/* Last */
			return 0;
	}
}

void gic3_hand_over(struct params *params, u32 boot, u32 has_el2)
{
	u64 frame = my_redistributor(params);

	if (boot) {
		write32(params->gicd + GICD_CTLR, BIT(4) | BIT(5));	/* ARE_S, ARE_NS */
		shared_interrupts_to_ns(params->gicd, 1);
		write32(params->gicd + GICD_CTLR, BIT(4) | BIT(5) | BIT(0) | BIT(1));
	}
	if (frame) {
		write32(frame + GICR_WAKER, read32(frame + GICR_WAKER) & ~(u32)BIT(1));
		while (read32(frame + GICR_WAKER) & BIT(2))	/* ChildrenAsleep */
			;
		write32(frame + GICR_SGI_FRAME + GICD_IGROUPR, ~0u);
		write32(frame + GICR_SGI_FRAME + GICD_IGRPMODR, 0);
	}
	WRITE(S3_6_C12_C12_5, 0xf);	/* ICC_SRE_EL3: SRE, DFB, DIB, Enable */
	isb();
	if (has_el2)
		WRITE(S3_4_C12_C9_5, 0xf);	/* ICC_SRE_EL2 */
	WRITE(S3_0_C12_C12_5, 0x7);	/* ICC_SRE_EL1, the non-secure one: SCR_EL3.NS is set */
	isb();
}

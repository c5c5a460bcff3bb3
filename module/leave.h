/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways out in leave.S; level.c chooses. All addresses are physical. */
#ifndef ROUNDPEN_LEAVE_H
#define ROUNDPEN_LEAVE_H

#include <linux/types.h>

void __noreturn roundpen_leave_by_stub(u64 return_entry);
void __noreturn roundpen_leave_by_tables(u64 return_entry, u64 tables, u64 mmu_off);

/* Code to be copied to where the tables map it at its own address. */
extern const char roundpen_mmu_off[], roundpen_mmu_off_end[];

#endif

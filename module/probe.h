/* SPDX-License-Identifier: GPL-2.0-only */
/* What the handlers of our probes do to the function at whose first instruction they stand. */
#ifndef ROUNDPEN_PROBE_H
#define ROUNDPEN_PROBE_H

#include <linux/kprobes.h>
#include <asm/ptrace.h>

/*
 * It does not run, @to does. A call by a register has left BTYPE behind, which is for the
 * instruction that it went to, not for this one. The handler's own answer.
 */
static __always_inline int probe_divert(struct pt_regs *regs, unsigned long to)
{
	regs->pstate &= ~PSR_BTYPE_MASK;
	instruction_pointer_set(regs, to);
	return 1;
}

/* It does not run, and its caller gets @value. */
static __always_inline int probe_answer(struct pt_regs *regs, unsigned long value)
{
	regs_set_return_value(regs, value);
	return probe_divert(regs, procedure_link_pointer(regs));
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* SVE and SME for real: the longest vector, and arithmetic in its last lane. */
	.arch	armv8.5-a+sve+sme

	.text
/* sve_try: out x0 = vector bytes, 0 when the sum in the last lane is wrong. */
	.globl	sve_try
sve_try:
	rdvl	x0, #1
	ptrue	p0.d
	index	z0.d, #1, #1			// 1, 2, ... in 64-bit lanes
	add	z0.d, z0.d, z0.d
	lastb	x1, p0, z0.d
	lsr	x2, x0, #2			// lanes * 2
	cmp	x1, x2
	csel	x0, x0, xzr, eq
	ret

/* sme_try: out x0 = streaming vector bytes, 0 when ZA does not keep what it is given. */
	.globl	sme_try
sme_try:
	smstart
	rdsvl	x0, #1
	ptrue	p0.b
	mov	w12, #0
	mov	z0.b, #0x5a
	mova	za0h.b[w12, 0], p0/m, z0.b
	mov	z1.b, #0
	mova	z1.b, p0/m, za0h.b[w12, 0]
	lastb	w1, p0, z1.b
	smstop
	cmp	w1, #0x5a
	csel	x0, x0, xzr, eq
	ret

// SPDX-License-Identifier: GPL-2.0-only
/* The guards, in the order in which they are armed: first that all others stay armed. */
#include <linux/kernel.h>
#include "guard.h"
#include "roundpen.h"

static const struct {
	int (*arm)(void);
	void (*disarm)(void);
} guards[] = {
	{ roundpen_guard_pins_arm, roundpen_guard_pins_disarm },
	{ roundpen_guard_power_arm, roundpen_guard_power_disarm },
	{ roundpen_guard_file_arm, roundpen_guard_file_disarm },
	{ roundpen_guard_image_arm, roundpen_guard_image_disarm },
	{ roundpen_departure_arm, roundpen_departure_disarm },
};

static void disarm(int armed)
{
	while (armed--)
		guards[armed].disarm();
}

int roundpen_guards_arm(void)
{
	int armed, error;

	for (armed = 0; armed < ARRAY_SIZE(guards); armed++) {
		error = guards[armed].arm();
		if (error) {
			disarm(armed);
			return error;
		}
	}
	return 0;
}

void roundpen_guards_disarm(void)
{
	disarm(ARRAY_SIZE(guards));
}

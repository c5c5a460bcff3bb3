/* SPDX-License-Identifier: GPL-2.0-only */
/* Where kernels differ: by what Kbuild finds in their headers, not by their numbers. */
#ifndef ROUNDPEN_VERSIONS_H
#define ROUNDPEN_VERSIONS_H

#include <linux/device.h>
#include <linux/sysfs.h>

static inline bool roundpen_device_offline(struct device *device)
{
#ifdef ROUNDPEN_HAS_DEVICE_FLAGS
	return dev_offline(device);
#else
	return device->offline;
#endif
}

static inline void roundpen_device_may_go(struct device *device, bool allowed)
{
#ifdef ROUNDPEN_HAS_DEVICE_FLAGS
	if (allowed)
		dev_clear_offline_disabled(device);
	else
		dev_set_offline_disabled(device);
#else
	device->offline_disabled = !allowed;
#endif
}

/* What a reader of a binary attribute gets. */
#ifdef ROUNDPEN_HAS_CONST_BIN_ATTRIBUTE
#define roundpen_bin_attribute const struct bin_attribute
#else
#define roundpen_bin_attribute struct bin_attribute
#endif

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes that only one recovery point holds. */
#ifndef DMR_POINT_SIZE_H
#define DMR_POINT_SIZE_H

#include <linux/types.h>

#include "../uapi/dm-replica-format.h"

struct dmr_system;

/**
 * struct dmr_point_sizes - bytes that only one point holds
 * @serial: of the system.
 * @nr: number of points.
 * @epochs: of the points, rising.
 * @bytes: of each point.
 */
struct dmr_point_sizes {
	u64 serial;
	u32 nr;
	u32 epochs[DMR_MAX_POINTS];
	u64 bytes[DMR_MAX_POINTS];
};

void dmr_point_size_count(struct dmr_system *sys, struct dmr_point_sizes *sizes);

#endif /* DMR_POINT_SIZE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/* Retention: which recovery points to drop when another is made. */
#ifndef DMR_RETENTION_H
#define DMR_RETENTION_H

#include "superblock.h"

/**
 * dmr_retention() - choose the points to drop when a new one is made
 * @set: the rules; without any, all points stay.
 * @points: the present points, by rising number; without the new one.
 * @nr: number of @points.
 * @now: time of the new point, ns since 1970 UTC; it counts as the newest in each rule.
 * @held: epochs that a failover branches off, DMR_EPOCH_NONE is skipped.
 * @nr_held: number of @held.
 * @drop: bitmap of @nr bits, set for points to drop.
 *
 * A point stays if any rule keeps it: among the last keep_last points, within keep_within,
 * the newest of one of the last keep_hourly hours, keep_daily days or keep_weekly weeks
 * (UTC, weeks from Monday) that have a point.  A point in use stays (R14).
 *
 * Return: number of points to drop.
 */
u32 dmr_retention(const struct dmr_settings *set, const struct dmr_point *points, u32 nr,
		  u64 now, const u32 *held, u32 nr_held, unsigned long *drop);

/**
 * dmr_retention_jump_over() - is no point left from before the clock was set?
 * @jump_point: as in struct dmr_settings.
 * @points: the present points, by rising number.
 * @nr: number of @points.
 *
 * Return: true if none is left: the record of the step can be cleared.
 */
bool dmr_retention_jump_over(u64 jump_point, const struct dmr_point *points, u32 nr);

#endif /* DMR_RETENTION_H */

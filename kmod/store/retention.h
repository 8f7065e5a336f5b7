/* SPDX-License-Identifier: GPL-2.0-only */
/* Retention: which recovery points go when another is made. */
#ifndef DMR_RETENTION_H
#define DMR_RETENTION_H

#include "superblock.h"

/**
 * dmr_retention() - which points go when a new one is made
 * @set: the rules; without any, all points stay.
 * @points: those there are, by rising time and number; the new one is not among them.
 * @nr: how many.
 * @now: time of the new one, ns since 1970 UTC; it counts as the newest in each rule.
 * @held: epochs that a failover branches off, DMR_EPOCH_NONE is skipped.
 * @nr_held: how many.
 * @drop: bitmap of @nr bits, set where a point goes.
 *
 * A point stays if any rule keeps it: among the last so many, within the span,
 * the newest of one of the last so many hours, days or weeks (UTC, weeks from
 * Monday) that have a point at all.  One in use stays (R14).
 *
 * Return: how many go.
 */
u32 dmr_retention(const struct dmr_settings *set, const struct dmr_point *points, u32 nr,
		  u64 now, const u32 *held, u32 nr_held, unsigned long *drop);

/**
 * dmr_retention_jump_over() - is no point left from before the clock was set?
 * @jump_point: as in struct dmr_settings.
 * @points: those there are, by rising number.
 * @nr: how many.
 *
 * Return: true if so; the record of the step is of no use any more.
 */
bool dmr_retention_jump_over(u64 jump_point, const struct dmr_point *points, u32 nr);

#endif /* DMR_RETENTION_H */

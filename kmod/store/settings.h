/* SPDX-License-Identifier: GPL-2.0-only */
/* Settings and counters of a superblock between their bytes on disk and host form. */
#ifndef DMR_SETTINGS_H
#define DMR_SETTINGS_H

#include "portable.h"
#include "../../uapi/dm-replica-format.h"

#define DMR_MAX_SPAN		(100ULL * 365 * 86400)	/* s */
#define DMR_MAX_RESERVE		(1ULL << 60)		/* bytes */
#define DMR_MAX_JUMP		(1ULL << 62)		/* ns, more than a century */

/**
 * struct dmr_settings - settings and counters in host form
 * @space_low: percent in use for a health of Warning.
 * @space_critical: percent in use for a health of Critical.
 * @full_policy: enum dm_replica_full_policy.
 * @live_reserve: bytes of slots for the live failover only.
 * @point_interval: s between two points; 0: never warn.
 * @decide_within: s that a failover may be undecided.
 * @vacuum_rate: bytes per second; 0: no copying, DMR_RATE_ADAPTS, or DMR_UNLIMITED.
 * @replication_interval: s between two arrivals; 0: not known.
 * @points_made: count of points made.
 * @points_dropped: count of points dropped.
 * @last_point_time: ns since 1970 UTC, 0: never; as all times here.
 * @last_test_time: of the last test failover.
 * @last_received_time: of the last sign of replication before the superblock was written.
 * @jump_point: points with lower numbers were made before the clock was set ahead.
 * @jump_by: ns by which it was set ahead; 0, with @jump_point 0: it was not.
 * @state_since: start of the state's age, by the clock at the write of the superblock; 0:
 * not known.
 * @point_since: the same, for the last point.
 * @received_since: the same, for the last sign of replication.
 * @clock_offset: that clock minus the time since the boot, at the write.
 *
 * Fields have the meanings of struct dmr_disk_settings, but a number stored plus one on
 * disk has its own value here.  Initialised by dmr_settings_init(), never by zeroing.
 */
struct dmr_settings {
	u32 space_low;
	u32 space_critical;
	u32 full_policy;
	u64 live_reserve;
	u64 point_interval;
	u64 decide_within;
	u64 vacuum_rate;
	u64 replication_interval;
	u64 points_made;
	u64 points_dropped;
	u64 last_point_time;
	u64 last_test_time;
	u64 last_received_time;
	u64 jump_point;
	u64 jump_by;
	u64 state_since;
	u64 point_since;
	u64 received_since;
	u64 clock_offset;
};

/** dmr_settings_init() - set the defaults of a new store */
void dmr_settings_init(struct dmr_settings *set);

/**
 * dmr_settings_check() - check settings
 * @set: settings.
 *
 * Return: NULL, or a constant text with the fault and the allowed values.
 */
const char *dmr_settings_check(const struct dmr_settings *set);

/**
 * dmr_settings_put() - write the bytes of settings and counters
 * @set: settings that have passed dmr_settings_check().
 * @out: zeroed by the caller.
 */
void dmr_settings_put(const struct dmr_settings *set, struct dmr_disk_settings *out);

/**
 * dmr_settings_get() - read the bytes of settings and counters
 * @in: any bytes.
 * @set: filled in.
 *
 * Return: NULL, or a constant text if dmr_settings_put() never writes these bytes.  Does
 * not call dmr_settings_check().
 */
const char *dmr_settings_get(const struct dmr_disk_settings *in, struct dmr_settings *set);

#endif /* DMR_SETTINGS_H */

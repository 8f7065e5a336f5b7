// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last sign of replication: when something was received.
 */
#include "received.h"
#include "space.h"
#include "system.h"

/**
 * dmr_received() - replication has shown that it is there
 * @sys: the system.
 *
 * Context: any.
 */
void dmr_received(struct dmr_system *sys)
{
	WRITE_ONCE(sys->received.time, ktime_get_real_ns());
	WRITE_ONCE(sys->received.boot, ktime_get_boottime_ns());
}

/**
 * dmr_received_load() - take over the state in the superblock
 * @sys: the system, being loaded.
 *
 * A replica that has never been written to counts from the attach.
 */
void dmr_received_load(struct dmr_system *sys)
{
	const struct dmr_settings *set = &sys->sb->settings;

	sys->received.writes = dmr_space_view_writes(sys, DMR_REPLICA);
	sys->received.time = set->last_received_time;
	/* It may be before this host was booted: unsigned, differences hold all the same. */
	sys->received.boot = set->received_since ? set->received_since - set->clock_offset :
						   sys->clock.load_boot;
}

/**
 * dmr_received_time() - of the last sign of replication
 * @sys: the system, active.
 *
 * Writes are counted by the I/O path and looked at here, once a second at least.
 *
 * Context: any.
 * Return: ns since 1970 UTC, 0 if there has been none yet.
 */
u64 dmr_received_time(struct dmr_system *sys)
{
	u64 writes = dmr_space_view_writes(sys, DMR_REPLICA);

	if (writes != READ_ONCE(sys->received.writes)) {
		WRITE_ONCE(sys->received.writes, writes);
		dmr_received(sys);
	}
	return READ_ONCE(sys->received.time);
}

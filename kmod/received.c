// SPDX-License-Identifier: GPL-2.0-only
/*
 * The time of the last sign of replication.
 */
#include "received.h"
#include "space.h"
#include "system.h"

/**
 * dmr_received() - record a sign of replication
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
 * Without any write yet, the age counts from the attach.
 */
void dmr_received_load(struct dmr_system *sys)
{
	const struct dmr_settings *set = &sys->sb->settings;

	sys->received.writes = dmr_space_view_writes(sys, DMR_REPLICA);
	sys->received.time = set->last_received_time;
	/* May lie before the boot of this host: differences of unsigned values stay right. */
	sys->received.boot = set->received_since ? set->received_since - set->clock_offset :
						   sys->clock.load_boot;
}

/**
 * dmr_received_time() - time of the last sign of replication
 * @sys: the system, active.
 *
 * The I/O path counts writes; this compares the count, once a second at least.
 *
 * Context: any.
 * Return: ns since 1970 UTC, 0 if there was none yet.
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

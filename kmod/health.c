// SPDX-License-Identifier: GPL-2.0-only
/*
 * Health, as in Msvm_ReplicationRelationship.ReplicationHealth.  It is computed on
 * request, and once a second, so that listeners are notified of a change that no
 * operation made.
 */
#include "clock-step.h"
#include "clock.h"
#include "critical.h"
#include "draft.h"
#include "health.h"
#include "home-flush.h"
#include "queue.h"
#include "receive.h"
#include "received.h"
#include "space.h"
#include "system.h"
#include "vacuum.h"

#define DMR_POINTS_PERCENT	90	/* of the points that a system may have */
#define DMR_STALL_AFTER		86400u	/* s, where no replication-interval is set */

#define DMR_HEALTH_CRITICAL	(DM_REPLICA_HEALTH_REASONS_STORE | \
				 DM_REPLICA_HEALTH_REASONS_INCOMPLETE | \
				 DM_REPLICA_HEALTH_REASONS_FULL | \
				 DM_REPLICA_HEALTH_REASONS_SUSPENDED | \
				 DM_REPLICA_HEALTH_REASONS_LOST_WRITES)

/** dmr_health_of() - health that follows from reasons.  Return: enum dm_replica_health. */
u32 dmr_health_of(u32 reasons)
{
	if (reasons & DMR_HEALTH_CRITICAL)
		return DM_REPLICA_HEALTH_CRITICAL;
	return reasons ? DM_REPLICA_HEALTH_WARNING : DM_REPLICA_HEALTH_OK;
}

/* Slots reserved for the live failover do not count for replication. */
static bool dmr_health_past(struct dmr_system *sys, u64 percent)
{
	u64 kept = dmr_space_reserved(sys), most = READ_ONCE(sys->map.max_versions);
	u32 slots, used = dmr_slots_used(&sys->slots, &slots);

	/* R8: two limits.  Versions of zeroes take no slot, but count against the map's limit. */
	return (used + kept) * 100 >= slots * percent ||
	       (atomic64_read(&sys->map.versions) + kept) * 100 >= most * percent;
}

static u32 dmr_health_space(struct dmr_system *sys, const struct dmr_settings *set)
{
	if (dmr_health_past(sys, set->space_critical))
		return DM_REPLICA_HEALTH_REASONS_FULL;
	if (dmr_health_past(sys, set->space_low))
		return DM_REPLICA_HEALTH_REASONS_LOW_SPACE;
	return 0;
}

/*
 * Have more than @span seconds passed since @since? Never with a span of 0; if @since is
 * unknown the attach counts.
 */
static bool dmr_health_over(struct dmr_system *sys, const struct dmr_settings *set, u64 since,
			    u64 span)
{
	if (!since)
		since = sys->clock.load_boot + set->clock_offset;
	return span && dmr_clock_age(set, since) >= span;
}

/* Recovery points made on this host are not evidence of replication.  A primary gets none. */
static bool dmr_health_stalled(struct dmr_system *sys, const struct dmr_sb *sb)
{
	u64 span = sb->settings.replication_interval * 3, age;

	dmr_received_time(sys);
	if (sb->state == DM_REPLICA_STATE_COMMITTED || sb->state == DM_REPLICA_STATE_DISABLED ||
	    (sb->flags & DMR_SB_SUSPENDED) || dmr_replication_primary(&sb->replication))
		return false;
	age = ktime_get_boottime_ns() - READ_ONCE(sys->received.boot);
	return div_u64(age, NSEC_PER_SEC) >= (span ? span : DMR_STALL_AFTER);
}

static u32 dmr_health_points(struct dmr_system *sys, const struct dmr_sb *sb)
{
	const struct dmr_settings *set = &sb->settings;
	u32 reasons = 0;

	switch (sb->state) {
	case DM_REPLICA_STATE_COMMITTED:
		return DM_REPLICA_HEALTH_REASONS_COMMITTED;
	case DM_REPLICA_STATE_DISABLED:
		return 0;
	case DM_REPLICA_STATE_RECOVERED:
		if (dmr_health_over(sys, set, set->state_since, set->decide_within))
			reasons |= DM_REPLICA_HEALTH_REASONS_UNDECIDED;
	}
	if (!sb->nr_points)
		reasons |= DM_REPLICA_HEALTH_REASONS_NO_POINT;
	/* At the limit no point can be made; user space decides which ones to drop. */
	if (sb->nr_points * 100 >= DMR_MAX_POINTS * DMR_POINTS_PERCENT)
		reasons |= DM_REPLICA_HEALTH_REASONS_POINTS;
	if (dmr_health_over(sys, set, set->point_since, set->point_interval))
		reasons |= DM_REPLICA_HEALTH_REASONS_OLD_POINT;
	return reasons;
}

/*
 * Devices are bound and unbound one by one: a missing device counts only after an attach
 * or a detach, not during it.
 */
static bool dmr_health_incomplete(struct dmr_system *sys)
{
	return !dmr_system_complete(sys) &&
	       time_after_eq(jiffies, READ_ONCE(sys->bind_time) + DMR_BIND_QUIET);
}

/**
 * dmr_health_reasons() - reasons for a degraded health
 * @sys: the system, active.
 * @sb: its superblock, from dmr_shown().
 *
 * Context: any.
 * Return: DM_REPLICA_HEALTH_REASONS_*.
 */
u32 dmr_health_reasons(struct dmr_system *sys, const struct dmr_sb *sb)
{
	u32 reasons = dmr_health_points(sys, sb), i;

	reasons |= dmr_health_space(sys, &sb->settings);

	if (dmr_health_stalled(sys, sb))
		reasons |= DM_REPLICA_HEALTH_REASONS_STALLED;
	if (READ_ONCE(sys->critical))
		reasons |= DM_REPLICA_HEALTH_REASONS_STORE;
	if (dmr_health_incomplete(sys))
		reasons |= DM_REPLICA_HEALTH_REASONS_INCOMPLETE;
	if (sb->flags & DMR_SB_SUSPENDED)
		reasons |= DM_REPLICA_HEALTH_REASONS_SUSPENDED;
	if (sb->replication.stream.aborted)
		reasons |= DM_REPLICA_HEALTH_REASONS_ABORTED;
	for (i = 0; i < sb->nr_disks; i++)
		if (atomic64_read(&sys->disks[i].errors))
			reasons |= DM_REPLICA_HEALTH_REASONS_DEVICE_ERRORS;
	if (dmr_home_flush_losers(sys))
		reasons |= DM_REPLICA_HEALTH_REASONS_LOST_WRITES;
	if (READ_ONCE(sys->vacuum.held) || !READ_ONCE(sys->vacuum.rate) ||
	    READ_ONCE(sys->vacuum.move_paused) || (sb->flags & DMR_SB_STAY))
		reasons |= DM_REPLICA_HEALTH_REASONS_HELD;
	return reasons;
}

/* R8: a full system drops its oldest points, if its policy allows that. */
static void dmr_space_policy(struct dmr_system *sys)
{
	struct dmr_op *op;

	if (READ_ONCE(sys->sb->settings.full_policy) != DM_REPLICA_FULL_POLICY_DROP_OLDEST ||
	    READ_ONCE(sys->space.full_asked))
		return;
	/* Wait for a whole pass, until the space freed by the last drop is counted. */
	if (sys->space.full_pass && READ_ONCE(sys->vacuum.passes) + 1 - sys->space.full_pass < 2) {
		dmr_vacuum_kick(sys);
		return;
	}
	op = dmr_op_new(sys, DMR_VERB_MAKE_ROOM);
	if (!op)
		return;
	sys->space.full_pass = READ_ONCE(sys->vacuum.passes) + 1;
	WRITE_ONCE(sys->space.full_asked, true);
	dmr_op_queue(op);
}

/* Find a device below that is too short.  Return: the reason for Critical, or NULL. */
static const char *dmr_health_short(struct dmr_system *sys)
{
	u64 has = bdev_nr_bytes(sys->store), had = dmr_shown(sys)->store_bytes;
	u32 i;

	if (has < had) {
		DMERR("%s: the store has %llu bytes, it had %llu", sys->sb->name, has, had);
		return "the store's device has become shorter";
	}
	for (i = 0; i < sys->sb->nr_disks; i++) {
		/* A home that is released meanwhile stays until RCU's readers have left. */
		struct block_device *home = READ_ONCE(sys->disks[i].home);

		had = sys->disks[i].info->sectors;
		if (!home || bdev_nr_sectors(home) >= had)
			continue;
		DMERR("%s: the home of disk %s has %llu sectors, it had %llu", sys->sb->name,
		      sys->disks[i].info->name, (u64)bdev_nr_sectors(home), had);
		return "a home's device has become shorter";
	}
	return NULL;
}

/**
 * dmr_health_devices() - make the system Critical if a device below is too short
 * @sys: the system, running.
 *
 * R9: the content behind the end of a device is lost, so nothing is acknowledged and no
 * point is made.  A larger device is no fault.
 *
 * Context: may sleep, but not for I/O.
 */
void dmr_health_devices(struct dmr_system *sys)
{
	const char *why = NULL;

	rcu_read_lock();
	if (!READ_ONCE(sys->critical))
		why = dmr_health_short(sys);
	rcu_read_unlock();
	if (why)
		dmr_critical(sys, why);
}

/**
 * dmr_health_check() - report a changed health, and apply the policy for a full store
 * @sys: the system, running.
 *
 * Low space is an event long before the store is full (R8).
 *
 * Context: the flush worker, once a second.
 */
void dmr_health_check(struct dmr_system *sys)
{
	const u32 space = DM_REPLICA_HEALTH_REASONS_FULL | DM_REPLICA_HEALTH_REASONS_LOW_SPACE;
	u32 reasons, old = sys->health, slots, used;
	bool spare;

	dmr_health_devices(sys);
	dmr_clock_step_check(sys);
	dmr_receive_check(sys);
	rcu_read_lock();
	reasons = dmr_health_reasons(sys, dmr_shown(sys));
	spare = dmr_draft_point_spare(sys, dmr_shown(sys));
	rcu_read_unlock();
	WRITE_ONCE(sys->health, reasons);
	/* What a primary keeps for a while goes home at once: see mover.c. */
	if (reasons & ~old & space)
		dmr_vacuum_kick(sys);
	if ((reasons & space) && (reasons & space) != (old & space)) {
		used = dmr_slots_used(&sys->slots, &slots);
		DMWARN("%s: %u of %u slots of the store are in use, %lld of %llu versions are in use%s",
		       sys->sb->name, used, slots, (s64)atomic64_read(&sys->map.versions),
		       READ_ONCE(sys->map.max_versions),
		       reasons & DM_REPLICA_HEALTH_REASONS_FULL ? ": grow it now" : "");
	}
	if (reasons & ~old & DM_REPLICA_HEALTH_REASONS_STALLED)
		DMWARN("%s: nothing has been replicated for %llu s", sys->sb->name,
		       div_u64(ktime_get_boottime_ns() - READ_ONCE(sys->received.boot),
			       NSEC_PER_SEC));
	if (reasons != old)
		dmr_event_news(sys, DMR_NEWS_STATE);
	if ((reasons & DM_REPLICA_HEALTH_REASONS_FULL) && spare)
		dmr_space_policy(sys);
}

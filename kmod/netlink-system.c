// SPDX-License-Identifier: GPL-2.0-only
/* A system as netlink attributes.  These functions run under RCU, and do not sleep. */
#include "health.h"
#include "netlink.h"
#include "point-view.h"
#include "received.h"
#include "space.h"
#include "system.h"
#include "vacuum.h"

/**
 * dmr_nl_overlay_bytes() - bytes that a failover has written to a disk
 * @disk: the disk
 * @sb: the state, under RCU
 * @kind: DMR_LIVE or DMR_TEST
 *
 * Context: any.
 * Return: bytes, 0 without one.
 */
u64 dmr_nl_overlay_bytes(struct dmr_disk *disk, const struct dmr_sb *sb, enum dmr_kind kind)
{
	/* A committed overlay belongs to the history, though it grows. */
	if (!(kind == DMR_TEST ? sb->test.epoch : sb->live.epoch))
		return 0;
	return dmr_space_overlay_blocks(disk, kind) << DMR_BLOCK_SHIFT;
}

/* Are the three devices of a disk bound? As in dmr_system_complete(). */
static bool dmr_disk_attached(const struct dmr_disk *disk)
{
	return READ_ONCE(disk->gd[DMR_REPLICA]) && READ_ONCE(disk->gd[DMR_LIVE]) &&
	       READ_ONCE(disk->gd[DMR_TEST]);
}

static u32 dmr_disks_attached(const struct dmr_system *sys, const struct dmr_sb *sb)
{
	u32 i, n = 0;

	for (i = 0; i < sb->nr_disks; i++)
		n += dmr_disk_attached(&sys->disks[i]);
	return n;
}

static u32 dmr_system_flags(struct dmr_system *sys, const struct dmr_sb *sb)
{
	u32 flags = 0;

	if (sb->flags & DMR_SB_SUSPENDED)
		flags |= DM_REPLICA_SYSTEM_FLAGS_SUSPENDED;
	if (sb->live.epoch || sb->state == DM_REPLICA_STATE_COMMITTED)
		flags |= DM_REPLICA_SYSTEM_FLAGS_FAILED_OVER;
	if (sb->test.epoch)
		flags |= DM_REPLICA_SYSTEM_FLAGS_TEST;
	if (sb->flags & DMR_SB_REMOVING)
		flags |= DM_REPLICA_SYSTEM_FLAGS_REMOVING;
	if (sb->flags & DMR_SB_STAY)
		flags |= DM_REPLICA_SYSTEM_FLAGS_STAY;
	if (dmr_replication_receives(&sb->replication))
		flags |= DM_REPLICA_SYSTEM_FLAGS_RECEIVES;
	if (dmr_replication_receiving(&sb->replication))
		flags |= DM_REPLICA_SYSTEM_FLAGS_RECEIVING;
	if (sb->replication.stream.aborted)
		flags |= DM_REPLICA_SYSTEM_FLAGS_ABORTED;
	if (dmr_replication_primary(&sb->replication))
		flags |= DM_REPLICA_SYSTEM_FLAGS_PRIMARY;
	if (!dmr_system_complete(sys))
		flags |= DM_REPLICA_SYSTEM_FLAGS_INCOMPLETE;
	if (READ_ONCE(sys->critical))
		flags |= DM_REPLICA_SYSTEM_FLAGS_CRITICAL;
	return flags;
}

/* The attributes of an overlay follow each other: @first is the point's. */
static_assert(DM_REPLICA_A_SYSTEM_LIVE_WRITES == DM_REPLICA_A_SYSTEM_LIVE_POINT + 3 &&
	      DM_REPLICA_A_SYSTEM_TEST_WRITES == DM_REPLICA_A_SYSTEM_TEST_POINT + 3);

/* Put the attributes of an overlay, if there is one. */
static int dmr_put_overlay(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb,
			   enum dmr_kind kind, int first)
{
	const struct dmr_overlay *overlay = kind == DMR_TEST ? &sb->test : &sb->live;
	u64 bytes = 0;
	u32 i;

	if (!overlay->epoch)
		return 0;
	for (i = 0; i < sb->nr_disks; i++)
		bytes += dmr_nl_overlay_bytes(&sys->disks[i], sb, kind);
	for (i = 0; i < sb->nr_points; i++)
		if (sb->points[i].epoch == overlay->base &&
		    dmr_nl_put_u64(skb, first, sb->points[i].number))
			return -EMSGSIZE;
	if (dmr_nl_put_u64(skb, first + 1, overlay->time) ||
	    dmr_nl_put_u64(skb, first + 2, bytes) ||
	    dmr_nl_put_u64(skb, first + 3, dmr_space_view_writes(sys, kind)))
		return -EMSGSIZE;
	return 0;
}

/*
 * R3: an epoch is never used twice, so it is the identity of a failover.  A commit ends the
 * overlay, and the guest that runs on still has the memory of this failover.
 */
static int dmr_put_epochs(struct sk_buff *skb, const struct dmr_sb *sb)
{
	u32 live = sb->live.epoch ?: sb->promoted;

	if ((live && nla_put_u32(skb, DM_REPLICA_A_SYSTEM_LIVE_EPOCH, live)) ||
	    (sb->test.epoch && nla_put_u32(skb, DM_REPLICA_A_SYSTEM_TEST_EPOCH, sb->test.epoch)))
		return -EMSGSIZE;
	return 0;
}

static int dmr_put_store(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb)
{
	u32 slots, used = dmr_slots_used(&sys->slots, &slots);
	u64 tail = READ_ONCE(sys->log.room.sb_tail), next = READ_ONCE(sys->log.room.next);

	if (nla_put(skb, DM_REPLICA_A_SYSTEM_STORE_UUID, 16, sb->store_uuid) ||
	    dmr_nl_put_dev(skb, DM_REPLICA_A_SYSTEM_STORE_MAJOR, sys->store_dev) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_CHUNK_BYTES, sb->chunk_bytes) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_SLOTS, slots) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_SLOTS_USED, used) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_VERSIONS, atomic64_read(&sys->map.versions)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_LOG_BLOCKS, READ_ONCE(sys->log.room.blocks)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_LOG_USED, next - min(tail, next)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_COMMITS, atomic64_read(&sys->log.commits)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_SUPERBLOCKS,
			   atomic64_read(&sys->super.writes)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_VACUUM_PENDING,
			   atomic64_read(&sys->vacuum.pending)) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_VACUUM_HELD, dmr_vacuum_held(sys)))
		return -EMSGSIZE;
	return 0;
}

static int dmr_put_health(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb)
{
	const struct dmr_settings *set = &sb->settings;
	u32 reasons = dmr_health_reasons(sys, sb);
	u64 bytes = dmr_space_replicated(sys) - READ_ONCE(sys->space.point_bytes);
	u64 writes = dmr_space_head_writes(sys) - READ_ONCE(sys->space.point_writes);

	if (nla_put_u32(skb, DM_REPLICA_A_SYSTEM_HEALTH, dmr_health_of(reasons)) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_HEALTH_REASONS, reasons) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_REPLICATED_BYTES, bytes) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_REPLICATED_WRITES, writes) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_POINTS_MADE, set->points_made) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_POINTS_DROPPED, set->points_dropped) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_LAST_POINT_TIME, set->last_point_time) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_LAST_TEST_TIME, set->last_test_time) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_LAST_RECEIVED_TIME, dmr_received_time(sys)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_HOME_BYTES, READ_ONCE(sys->vacuum.home_left)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_SLOTS_RESERVED, dmr_space_reserved(sys)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_VACUUM_RATE, READ_ONCE(sys->vacuum.rate)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STORE_BYTES, sb->store_bytes))
		return -EMSGSIZE;
	/*
	 * The device may be released meanwhile, but only after its targets, and its
	 * memory is freed after a grace period of RCU.
	 */
	return READ_ONCE(sys->running) ? dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STORE_DEVICE_BYTES,
					  bdev_nr_bytes(sys->store)) : 0;
}

/**
 * dmr_nl_put_system() - put the attributes of a system
 * @skb: the message
 * @sys: the system, active
 * @sb: its state, under RCU
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int dmr_nl_put_system(struct sk_buff *skb, struct dmr_system *sys, const struct dmr_sb *sb)
{
	const char *critical = READ_ONCE(sys->critical);

	if (nla_put(skb, DM_REPLICA_A_SYSTEM_UUID, 16, sb->system_uuid) ||
	    nla_put_string(skb, DM_REPLICA_A_SYSTEM_NAME, sb->name) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_STATE, dmr_system_state_of(sys, sb)) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_STATE_STORED, dmr_system_stored_state(sb)) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STATE_NUMBER, sb->state_number) ||
	    dmr_nl_put_u64(skb, DM_REPLICA_A_SYSTEM_STATE_TIME, sb->state_time) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_FLAGS, dmr_system_flags(sys, sb)) ||
	    (critical && nla_put_string(skb, DM_REPLICA_A_SYSTEM_REASON, critical)) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_DISKS, sb->nr_disks) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_DISKS_ATTACHED, dmr_disks_attached(sys, sb)) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_POINTS, sb->nr_points) ||
	    nla_put_u32(skb, DM_REPLICA_A_SYSTEM_OPEN_VIEWS, dmr_point_view_count(sys)))
		return -EMSGSIZE;
	return dmr_put_store(skb, sys, sb) ?: dmr_put_health(skb, sys, sb) ?:
	       dmr_put_overlay(skb, sys, sb, DMR_LIVE, DM_REPLICA_A_SYSTEM_LIVE_POINT) ?:
	       dmr_put_overlay(skb, sys, sb, DMR_TEST, DM_REPLICA_A_SYSTEM_TEST_POINT) ?:
	       dmr_put_epochs(skb, sb) ?: dmr_nl_put_stream(skb, sys, sb);
}

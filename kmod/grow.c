// SPDX-License-Identifier: GPL-2.0-only
/*
 * Growing the store, online and under I/O: after the device below has grown, its new
 * space becomes slots and, if the ring would be too short for them (R7), a ring extent.
 *
 * The next log number lies at the beginning of the new extent, and all later ones are
 * placed by the new ring.  The head stays in the new extent until the tail has left the
 * old ring.  So no place belongs to two numbers at a time, and replay finds one place for
 * each number.
 */
#include <linux/delay.h>

#include "draft.h"
#include "flush.h"
#include "operate.h"
#include "queue.h"
#include "space.h"
#include "system.h"

/* A second growth that needs another extent waits until the tail has left the old ring. */
static bool dmr_grow_wait_turn(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	unsigned long deadline = jiffies + msecs_to_jiffies(op->timeout);

	WRITE_ONCE(sys->log.hurry, true);
	while (dmr_log_room_turning(&sys->log.room) && time_before(jiffies, deadline))
		if (dmr_flush_sync(sys, false))
			break;
	WRITE_ONCE(sys->log.hurry, false);
	if (!dmr_log_room_turning(&sys->log.room))
		return true;
	dmr_refuse_timeout(op, "the log has not left its old ring yet; try again in a moment");
	return false;
}

/*
 * The new extent may hold anything, even log blocks of this store from before its device
 * was shrunk.
 */
static int dmr_grow_blank(struct dmr_system *sys, const struct dmr_sb *draft)
{
	const struct dmr_extent *e;
	int r;

	if (draft->ring_extents == sys->sb->ring_extents)
		return 0;
	e = &draft->ring[draft->ring_extents - 1];
	/*
	 * R9: read by dmr_super_may_have_lost().  Outside a grace section, which would
	 * stop the vacuum for as long as this takes.
	 */
	WRITE_ONCE(sys->super.blanking, true);
	r = blkdev_issue_zeroout(sys->store, e->first * DMR_BLOCK_SECTORS,
				 e->count * DMR_BLOCK_SECTORS, GFP_NOIO, 0);
	/*
	 * R9: no flush here: the log commit before the superblock does it.  A flush of our
	 * own might consume the error about lost slots, and the log commit would miss it.
	 */
	if (!r)
		WRITE_ONCE(sys->super.store_dirty, 1);
	/* store_dirty first: pairs with smp_rmb() in dmr_super_may_have_lost(). */
	smp_store_release(&sys->super.blanking, false);
	return r;
}

/**
 * dmr_op_grow() - add the new space of the store's device to the store
 * @op: timeout limits the wait for an earlier growth.
 * @job: its job; not used.
 */
void dmr_op_grow(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	/* Whole blocks, as in create. */
	u64 bytes = round_down(bdev_nr_bytes(sys->store), DMR_BLOCK_SIZE), slots;
	struct dmr_sb *draft = dmr_draft(sys);
	const char *why;
	int r;

	if (bytes < draft->store_bytes)
		return dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER,
				     "the store's device has become smaller; a store cannot shrink");
	if (bytes >> SECTOR_SHIFT >> sys->chunk_shift <= draft->slot_end)
		return dmr_refuse_state(op, "the store uses all of its device; grow that first");
	why = dmr_geometry_grow(draft, bytes);
	if (why)
		return dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER, why);
	if (draft->ring_extents != sys->sb->ring_extents && dmr_log_room_turning(&sys->log.room)) {
		if (!dmr_grow_wait_turn(op))
			return;
		/* The superblock has changed meanwhile: draft again. */
		draft = dmr_draft(sys);
		why = dmr_geometry_grow(draft, bytes);
		if (why)
			return dmr_op_refuse(op, -EINVAL, DM_REPLICA_CODE_INVALID_PARAMETER, why);
	}
	r = dmr_grow_blank(sys, draft);
	if (r)
		return dmr_op_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
				     "the new part of the store could not be written; nothing was changed");
	slots = dmr_slot_count(draft);
	r = dmr_flush_grow(sys, draft);
	/* The log commit before it may have failed: then the system is critical. */
	if (r)
		return dmr_op_refuse_super(op, READ_ONCE(sys->critical) ? -EREMOTEIO : r);
	/* Durable: records may refer to the new slots from here on. */
	if (dmr_slots_grow(&sys->slots, sys->sb))
		DMWARN("%s: no memory for the new slots; they are there after the next attach",
		       sys->sb->name);
	else
		WRITE_ONCE(sys->map.max_versions, dmr_slot_versions(slots));
	dmr_space_settings(sys);
	dmr_flush_sync(sys, false);
}

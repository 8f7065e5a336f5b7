// SPDX-License-Identifier: GPL-2.0-only
/* Recovery points: making and dropping them. */
#include "operate.h"

/*
 * A point that came to nothing leaves head writes in the next epoch: they never
 * go back to an older one.  Before another point the superblock catches up.
 */
static int dmr_catch_up(struct dmr_system *sys)
{
	struct dmr_sb *draft;
	int r;

	if (!sys->ahead)
		return 0;
	draft = dmr_draft(sys);
	draft->state_number--;
	if (!dmr_draft_next(draft))
		return -EIO;
	r = dmr_super_commit(sys, draft, "catch up");
	if (!r)
		sys->ahead = false;
	return r;
}

/* The old epoch's writes have ended: merges of the new one may read what they wrote. */
static void dmr_switch_over(struct dmr_system *sys)
{
	spin_lock_irq(&sys->park_lock);
	sys->draining = false;
	spin_unlock_irq(&sys->park_lock);
	dmr_io_wake(sys);
}

/**
 * dmr_point_drain_work() - end a switch of epochs that an operation gave up on
 * @work: the system's drain_work.
 *
 * R12: the operation has been answered; what waits for the old epoch's writes
 * goes on waiting for them here.
 */
void dmr_point_drain_work(struct work_struct *work)
{
	struct dmr_system *sys = container_of(work, struct dmr_system, drain_work);

	dmr_grace_wait(&sys->grace, 0);
	dmr_switch_over(sys);
}

/**
 * dmr_op_point() - make a recovery point of all disks (R15)
 * @op: kind and name; point is set.
 */
void dmr_op_point(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	struct dmr_table *pending, *after = NULL;
	struct dmr_point *point;
	struct dmr_sb *draft;
	int r;

	switch (sys->sb->state) {
	case DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION:
	case DM_REPLICA_STATE_REPLICATING:
	case DM_REPLICA_STATE_RECOVERED:
		break;
	default:
		return dmr_refuse_state(op, "no recovery point can be made in this state");
	}
	if (sys->sb->flags & DMR_SB_SUSPENDED)
		return dmr_refuse_state(op, "replication is suspended; resume it first");
	if (sys->sb->nr_points >= DMR_MAX_POINTS)
		return dmr_refuse(op, -ENOSPC, DM_REPLICA_CODE_FAILED,
				  "the system has as many points as it can; drop one first");
	if (READ_ONCE(sys->draining))
		return dmr_refuse_timeout(op, "writes from before the last point still have not ended");
	r = dmr_catch_up(sys);
	if (r)
		return dmr_refuse_super(op, r);

	draft = dmr_draft(sys);
	point = &draft->points[draft->nr_points];
	memset(point, 0, sizeof(*point));
	point->epoch = draft->cur_epoch;
	point->kind = op->kind ?: DM_REPLICA_POINT_KIND_STANDARD;
	point->number = draft->next_point++;
	memcpy(point->name, op->name, sizeof(point->name));
	if (!dmr_draft_next(draft))
		return dmr_refuse_epochs(op);
	draft->nr_points++;
	if (draft->state == DM_REPLICA_STATE_WAITING_FOR_INITIAL_REPLICATION)
		dmr_draft_state(draft, DM_REPLICA_STATE_REPLICATING);

	/* New writes go on in the epoch opened ahead; old ones are let end. */
	pending = dmr_table_make(sys, sys->sb, sys->sb->cur_epoch);
	after = dmr_table_make(sys, draft, DMR_EPOCH_NONE);
	if (!pending || !after) {
		kvfree(pending);
		kvfree(after);
		return dmr_refuse_memory(op);
	}
	WRITE_ONCE(sys->draining, true);
	dmr_table_publish(sys, pending);
	point->time = ktime_get_real_ns();
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (!r) {
		/* The table in force is the pending one, all before it can go. */
		dmr_table_reap(sys);
		dmr_switch_over(sys);
		r = dmr_commit_sync(sys, true);
		if (r)
			dmr_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
				   "the system could not be flushed; no point was made");
	} else {
		dmr_refuse_timeout(op, "writes did not end in time; no point was made");
	}
	if (!r) {
		r = dmr_super_commit(sys, draft, "point");
		if (r)
			dmr_refuse_super(op, r);
	}
	if (r) {
		sys->ahead = true;
		kvfree(after);
		if (sys->draining)
			queue_work(sys->io_wq, &sys->drain_work);
		/* Without memory the pending table stays: it keeps more than it must. */
		dmr_publish(sys, 0);
		return;
	}
	dmr_table_publish(sys, after);
	op->point = point->number;
}

/**
 * dmr_op_drop() - drop a recovery point
 * @op: point says which.
 */
void dmr_op_drop(struct dmr_op *op)
{
	struct dmr_system *sys = op->sys;
	struct dmr_point *point;
	struct dmr_sb *draft;
	u32 at;
	int r;

	if (sys->sb->state != DM_REPLICA_STATE_REPLICATING &&
	    sys->sb->state != DM_REPLICA_STATE_RECOVERED)
		return dmr_refuse_state(op, "no recovery point can be dropped in this state");
	draft = dmr_draft(sys);
	point = dmr_point_by_number(draft, op->point);
	if (!point)
		return dmr_refuse_point(op);
	/* R14: points and overlays hold each other. */
	if ((draft->live.epoch && draft->live.base == point->epoch) ||
	    (draft->test.epoch && draft->test.base == point->epoch))
		return dmr_refuse_busy(op, "a failover runs from this point; end it first");

	at = point - draft->points;
	memmove(point, point + 1, (draft->nr_points - at - 1) * sizeof(*point));
	draft->nr_points--;
	memset(&draft->points[draft->nr_points], 0, sizeof(*point));
	r = dmr_super_commit(sys, draft, "drop point");
	if (r)
		return dmr_refuse_super(op, r);
	/* Without memory the old table stays: it keeps more than it must. */
	dmr_publish(sys, DMR_DRAIN_MS);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * RemoveReplicationRelationship: drop points and overlays, so that the homes become plain
 * disks again.
 *
 * One superblock write decides, as always: the state becomes Disabled, with
 * DMR_SB_REMOVING until home has the newest state.  A job moves it there (move-job.c), and
 * ends with the superblock that clears the flag.  After that the store is useless, and the
 * tools wipe it.
 */
#include "draft.h"
#include "flush.h"
#include "home-flush.h"
#include "move-job.h"
#include "openers.h"
#include "operate.h"
#include "queue.h"
#include "point-view.h"
#include "super.h"
#include "system.h"
#include "uevent.h"

/* Is home the newest state?  Not if a reader of the head needs a version. */
static bool dmr_home_current(struct dmr_system *sys)
{
	const struct dmr_sb *sb = sys->sb;
	struct dmr_version *v;
	bool current_ = true;
	u32 b, side;

	for (b = 0; current_ && b < sys->map.nr_buckets; b++) {
		if (!(b & 0xfff))
			cond_resched();
		if (!READ_ONCE(sys->map.buckets[b]))
			continue;
		side = dmr_grace_enter(&sys->grace);
		for (v = dmr_map_bucket_first(&sys->map, b); v; v = READ_ONCE(v->next))
			if (dmr_epoch_is_main(sb->promoted, sb->dead_first, sb->dead_last,
					      v->epoch))
				current_ = false;
		dmr_grace_leave(&sys->grace, side);
	}
	return current_;
}

/* Fence the devices of one kind, which have to be closed; or refuse.  @fence NULL: check only. */
static bool dmr_fence_closed(struct dmr_op *op, enum dmr_kind kind, struct dmr_views *fence)
{
	if (!dmr_op_lock_closed(op, kind, "a device of the system is in use; close it first"))
		return false;
	if (fence)
		dmr_views_publish(op->sys, fence);
	dmr_openers_unlock(op->sys, kind);
	return true;
}

struct dmr_removal {
	struct dmr_views *fence[DMR_KINDS];	/* each takes one more kind offline */
	struct dmr_views *back;
	struct dmr_views *after;
};

static void dmr_removal_free(struct dmr_removal *rm)
{
	enum dmr_kind kind;

	for (kind = 0; kind < DMR_KINDS; kind++)
		kvfree(rm->fence[kind]);
	kvfree(rm->back);
	kvfree(rm->after);
}

static bool dmr_removal_prepare(struct dmr_system *sys, struct dmr_removal *rm)
{
	enum dmr_kind kind, k;

	memset(rm, 0, sizeof(*rm));
	for (kind = 0; kind < DMR_KINDS; kind++) {
		rm->fence[kind] = dmr_views_back(sys);
		if (!rm->fence[kind])
			return false;
		for (k = 0; k <= kind; k++)
			dmr_views_fence(rm->fence[kind], k);
	}
	rm->back = dmr_views_back(sys);
	return rm->back;
}

static void dmr_removal_decide(struct dmr_op *op, struct dmr_removal *rm)
{
	struct dmr_system *sys = op->sys;
	unsigned long deadline;
	struct dmr_sb *draft;
	bool current_;
	u32 dropped;
	int r;

	deadline = jiffies + msecs_to_jiffies(op->timeout);
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (r)
		return dmr_refuse_timeout(op, "I/O did not end in time; nothing was removed");
	dmr_views_reap(sys);
	r = dmr_flush_all(sys, deadline);
	if (r == -ETIMEDOUT)	/* R12 */
		return dmr_refuse_timeout(op, DMR_HOME_SLOW "; nothing was removed");
	if (r)
		return dmr_op_refuse(op, -EIO, DM_REPLICA_CODE_FAILED,
				     "the system could not be flushed; nothing was removed");
	current_ = dmr_home_current(sys);
	if (!current_ && !op->flatten)
		return dmr_refuse_state(op,
					"home is not the newest state; move it there first (flatten)");

	draft = dmr_draft(sys);
	dropped = draft->nr_points;
	draft->settings.points_dropped += dropped;
	memset(draft->points, 0, draft->nr_points * sizeof(draft->points[0]));
	draft->nr_points = 0;
	memset(&draft->replication.stream, 0, sizeof(draft->replication.stream));
	draft->flags &= ~(DMR_SB_SUSPENDED | DMR_SB_STAY);
	if (!current_)
		draft->flags |= DMR_SB_REMOVING;
	dmr_draft_state(draft, DM_REPLICA_STATE_DISABLED);
	rm->after = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	if (!rm->after)
		return dmr_refuse_memory(op);
	r = dmr_super_commit(sys, draft, dmr_op_text(op));
	if (r)
		return dmr_op_refuse_super(op, r);
	op->dropped = dropped;
	if (!current_)
		op->code = DM_REPLICA_CODE_JOB_STARTED;
}

/**
 * dmr_op_remove() - remove the relationship
 * @op: with flatten, drop the points and move everything home.
 * @job: moves home from here on, if there is something to move; may be NULL.
 */
void dmr_op_remove(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	const struct dmr_stream *stream = &sys->sb->replication.stream;
	struct dmr_removal rm;
	enum dmr_kind kind;

	/* R18: without a point before it, the homes never had a state to go back to. */
	if (dmr_replication_partial(&sys->sb->replication) && (stream->base || !stream->aborted))
		return dmr_refuse_state(op, "a stream is half in: the homes would get what was never a point");
	if (sys->sb->test.epoch)
		return dmr_refuse_busy(op, "a test failover exists; stop it first");
	/* R14: the removal ends all points. */
	if (dmr_point_view_count(sys))
		return dmr_refuse_busy(op, DMR_POINT_OPEN);
	if (dmr_home_flush_losers(sys))		/* R15: home would lack writes */
		return dmr_op_refuse(op, -EIO, DM_REPLICA_CODE_FAILED, DMR_HOME_LOST);
	/* Check first: a refusal must have no effect. */
	for (kind = 0; kind < DMR_KINDS; kind++)
		if (!dmr_fence_closed(op, kind, NULL))
			return;
	if (!dmr_removal_prepare(sys, &rm)) {
		dmr_removal_free(&rm);
		return dmr_refuse_memory(op);
	}
	for (kind = 0; kind < DMR_KINDS; kind++) {
		if (!dmr_fence_closed(op, kind, rm.fence[kind]))
			break;
		rm.fence[kind] = NULL;		/* in force now */
	}
	if (!op->err)
		dmr_removal_decide(op, &rm);
	/* R12: on any error the old views are in force again. */
	if (op->err) {
		dmr_views_publish(sys, rm.back);
		rm.back = NULL;
	} else {
		dmr_views_publish(sys, rm.after);
		rm.after = NULL;
	}
	dmr_removal_free(&rm);
	if (op->err)
		return;
	/* This job replaces that of a commit's move. */
	dmr_move_job_terminate(sys, "the removal of the relationship goes on with it");
	if (op->code == DM_REPLICA_CODE_JOB_STARTED)
		dmr_move_job_begin(sys, job);
	dmr_uevent_view(sys, DMR_REPLICA, false);
	dmr_uevent_view(sys, DMR_LIVE, false);
}

/**
 * dmr_op_removed() - complete a removal: home is the newest state
 * @op: made by the vacuum.
 * @job: none.
 */
void dmr_op_removed(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_sb *draft;
	int r;

	if (!(sys->sb->flags & DMR_SB_REMOVING) || atomic64_read(&sys->map.versions))
		return;
	draft = dmr_draft(sys);
	draft->flags &= ~DMR_SB_REMOVING;
	r = dmr_super_commit(sys, draft, "removed");
	if (r)
		return dmr_op_refuse_super(op, r);
	dmr_move_job_finish(sys);
}

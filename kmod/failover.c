// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failovers, live and test: an overlay branches off a recovery point, and is discarded at
 * the end.  Both kinds are the same edit of the superblock.
 */
#include "draft.h"
#include "job.h"
#include "openers.h"
#include "operate.h"
#include "queue.h"
#include "space.h"
#include "super.h"
#include "system.h"
#include "uevent.h"

static struct dmr_overlay *dmr_overlay_of(struct dmr_sb *sb, enum dmr_kind kind)
{
	return kind == DMR_TEST ? &sb->test : &sb->live;
}

static void dmr_overlay_may_begin(struct dmr_op *op, enum dmr_kind kind)
{
	const struct dmr_sb *sb = op->sys->sb;

	if (kind == DMR_TEST && sb->test.epoch)
		return dmr_refuse_state(op, "a test failover exists already; stop it first");
	if (!sb->nr_points)
		return dmr_refuse_state(op, "there is no recovery point; make one first");
}

/*
 * Begin a failover: InitiateFailover, TestReplicaSystem. op->point has the point's
 * number, 0 for the newest; it is set to the one used.
 */
static void dmr_overlay_begin(struct dmr_op *op, enum dmr_kind kind)
{
	struct dmr_system *sys = op->sys;
	struct dmr_overlay *overlay;
	struct dmr_views *after;
	struct dmr_point *point;
	struct dmr_sb *draft;
	u32 i;
	int r;

	dmr_overlay_may_begin(op, kind);
	if (op->err)
		return;
	draft = dmr_draft(sys);
	point = op->point ? dmr_draft_point(draft, op->point) :
			    &draft->points[draft->nr_points - 1];
	if (!point)
		return dmr_refuse_point(op);

	overlay = dmr_overlay_of(draft, kind);
	overlay->epoch = dmr_draft_overlay(draft);
	if (!overlay->epoch)
		return dmr_refuse_epochs(op);
	overlay->base = point->epoch;
	overlay->time = ktime_get_real_ns();
	if (kind == DMR_LIVE)
		dmr_draft_state(draft, DM_REPLICA_STATE_RECOVERED);
	else
		draft->settings.last_test_time = overlay->time;
	after = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	if (!after)
		return dmr_refuse_memory(op);

	/* R10: with an opener, pages dirtied while offline would land in the new view. */
	if (!dmr_openers_lock(sys, kind)) {
		kvfree(after);
		return dmr_refuse_timeout(op, "a failover device was being opened or closed for too long");
	}
	if (dmr_openers_any(sys, kind)) {
		r = -EBUSY;
		dmr_refuse_open(op, "a failover device is open; close it first");
	} else {
		r = dmr_super_commit(sys, draft, dmr_op_text(op));
		if (r)
			dmr_op_refuse_super(op, r);
	}
	if (!r) {
		for (i = 0; i < sys->sb->nr_disks; i++)
			dmr_space_overlay_forget(&sys->disks[i], kind);
		atomic64_set(&sys->space.overlay_versions[kind], 0);
		dmr_views_publish(sys, after);
		op->point = point->number;
	} else {
		kvfree(after);
	}
	dmr_openers_unlock(sys, kind);
	if (!r)
		dmr_uevent_view(sys, kind, true);
}

/*
 * R10: the devices are locked and not open; fence, drain, check, write.  On any error the
 * old view is in force again.
 */
static int dmr_overlay_end_locked(struct dmr_op *op, enum dmr_kind kind, struct dmr_sb *draft,
			  struct dmr_views *fence, struct dmr_views *after, struct dmr_views *back)
{
	struct dmr_system *sys = op->sys;
	int r;

	/* Take the devices offline; the vacuum keeps the overlay until the superblock decides. */
	dmr_views_fence(fence, kind);
	dmr_views_publish(sys, fence);
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (r) {
		dmr_refuse_timeout(op, "I/O did not end in time; nothing was discarded");
		goto bad;
	}
	dmr_views_reap(sys);
	/* R11: discard only the writes that the caller has seen. */
	if (op->expect_writes != ~0ULL && op->expect_writes != dmr_space_view_writes(sys, kind)) {
		dmr_op_refuse(op, -ESTALE, DM_REPLICA_CODE_INVALID_STATE,
			      "the guest has written since you looked; look again");
		goto bad;
	}
	r = dmr_super_commit(sys, draft, dmr_op_text(op));
	if (r) {
		dmr_op_refuse_super(op, r);
		goto bad;
	}
	kvfree(back);
	dmr_views_publish(sys, after);
	return 0;
bad:
	kvfree(after);
	/* R12: lift the fence after any failure. */
	dmr_views_publish(sys, back);
	return op->err;
}

/*
 * Discard a failover: RevertFailover, end of a test. op->expect_writes is compared when
 * no write is in flight (R11); @job, if not NULL, gets the epoch to reclaim.
 */
static void dmr_overlay_end(struct dmr_op *op, enum dmr_kind kind, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_views *fence, *after, *back;
	struct dmr_overlay *overlay;
	struct dmr_sb *draft;
	u64 left, point = 0, bytes = 0;
	u32 epoch, i;
	int r;

	if (kind == DMR_TEST && !sys->sb->test.epoch)
		return dmr_refuse_state(op, "there is no test failover; there is nothing to stop");

	draft = dmr_draft(sys);
	overlay = dmr_overlay_of(draft, kind);
	epoch = overlay->epoch;
	for (i = 0; i < draft->nr_points; i++)
		if (draft->points[i].epoch == overlay->base)
			point = draft->points[i].number;
	memset(overlay, 0, sizeof(*overlay));
	if (kind == DMR_LIVE)
		dmr_draft_state(draft, DM_REPLICA_STATE_REPLICATING);
	fence = dmr_views_back(sys);
	back = dmr_views_back(sys);
	after = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	if (!fence || !back || !after) {
		dmr_refuse_memory(op);
	} else if (!dmr_openers_lock(sys, kind)) {
		dmr_refuse_timeout(op, "a failover device was being opened or closed for too long");
	} else if (dmr_openers_any(sys, kind)) {
		dmr_openers_unlock(sys, kind);
		dmr_refuse_open(op,
				"a failover device is in use; stop the guest or unmount it first");
	}
	if (op->err) {
		kvfree(fence);
		kvfree(back);
		kvfree(after);
		return;
	}
	r = dmr_overlay_end_locked(op, kind, draft, fence, after, back);
	dmr_openers_unlock(sys, kind);
	if (r)
		return;

	for (i = 0; i < sys->sb->nr_disks; i++)
		bytes += dmr_space_overlay_forget(&sys->disks[i], kind) << DMR_BLOCK_SHIFT;
	op->point = point;
	op->discarded = bytes;
	dmr_job_about(job, op);
	left = atomic64_xchg(&sys->space.overlay_versions[kind], 0);
	if (left) {
		op->code = DM_REPLICA_CODE_JOB_STARTED;
		atomic64_add(left, &sys->vacuum.pending);
		if (job) {
			mutex_lock(&sys->jobs.mutex);
			job->total = left;
			job->epoch = epoch;
			mutex_unlock(&sys->jobs.mutex);
		}
	}
	dmr_uevent_view(sys, kind, false);
}

/**
 * dmr_op_initiate() - InitiateFailover
 * @op: point is the point's number, 0 for the newest; it is set to the one used.
 * @job: its job; not used.
 */
void dmr_op_initiate(struct dmr_op *op, struct dmr_job *job)
{
	dmr_overlay_begin(op, DMR_LIVE);
}

/**
 * dmr_op_revert() - RevertFailover
 * @op: expect_writes is compared when no write is in flight (R11).
 * @job: gets the epoch to reclaim; may be NULL.
 */
void dmr_op_revert(struct dmr_op *op, struct dmr_job *job)
{
	dmr_overlay_end(op, DMR_LIVE, job);
}

/**
 * dmr_op_test_start() - TestReplicaSystem
 * @op: as with dmr_op_initiate().
 * @job: its job; not used.
 */
void dmr_op_test_start(struct dmr_op *op, struct dmr_job *job)
{
	dmr_overlay_begin(op, DMR_TEST);
}

/**
 * dmr_op_test_stop() - discard a test failover
 * @op: as with dmr_op_revert().
 * @job: gets the epoch to reclaim; may be NULL.
 */
void dmr_op_test_stop(struct dmr_op *op, struct dmr_job *job)
{
	dmr_overlay_end(op, DMR_TEST, job);
}

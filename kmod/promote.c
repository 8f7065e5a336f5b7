// SPDX-License-Identifier: GPL-2.0-only
/*
 * CommitFailover: the failover becomes the machine, by one superblock write.  The guest
 * keeps writing to its device, and home catches up behind it (move-job.c).
 */
#include "draft.h"
#include "job.h"
#include "move-job.h"
#include "openers.h"
#include "operate.h"
#include "queue.h"
#include "point-view.h"
#include "space.h"
#include "super.h"
#include "system.h"
#include "uevent.h"

/* R14: fence the replica devices, drain, commit.  On any error the old views are in force again. */
static int dmr_promote(struct dmr_op *op, struct dmr_views *fence, struct dmr_views *back,
		       struct dmr_views **after)
{
	struct dmr_system *sys = op->sys;
	struct dmr_sb *draft;
	bool ahead = sys->ahead;
	int r;

	dmr_views_fence(fence, DMR_REPLICA);
	dmr_views_publish(sys, fence);
	r = dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout));
	if (r) {
		dmr_refuse_timeout(op, "I/O did not end in time; nothing was committed");
		goto bad;
	}
	dmr_views_reap(sys);

	draft = dmr_draft(sys);
	if (!dmr_draft_promote(draft)) {
		dmr_refuse_epochs(op);
		goto bad;
	}
	/* The replication epoch no longer matters. */
	sys->ahead = false;
	*after = dmr_views_make(sys, draft, DMR_EPOCH_NONE);
	if (!*after) {
		dmr_refuse_memory(op);
		goto bad_ahead;
	}
	r = dmr_super_commit(sys, draft, dmr_op_text(op));
	if (r) {
		dmr_op_refuse_super(op, r);
		goto bad_ahead;
	}
	kvfree(back);
	return 0;

bad_ahead:
	kvfree(*after);
	sys->ahead = ahead;
bad:
	/* R12: lift the fence after any failure. */
	dmr_views_publish(sys, back);
	return op->err;
}

/**
 * dmr_op_commit() - commit a failover
 * @op: timeout limits the drain of the replica devices.
 * @job: moves home from here on; may be NULL.
 *
 * The guest may run: failover devices are not fenced, and need not be closed.
 */
void dmr_op_commit(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_views *fence, *back, *after = NULL;
	u32 i, dropped = sys->sb->nr_points;
	enum dmr_kind kind;
	u64 point = 0;

	if (sys->sb->test.epoch)
		return dmr_refuse_busy(op, "a test failover exists; stop it first");
	/* R17: all points go.  Other sites would lose what they replicate from. */
	if (dmr_draft_held_by_peer(sys->sb))
		return dmr_refuse_busy(op, "a peer holds a recovery point; release it first");
	/* R14: the commit ends all points. */
	if (dmr_point_view_count(sys))
		return dmr_refuse_busy(op, DMR_POINT_OPEN);
	fence = dmr_views_back(sys);
	back = dmr_views_back(sys);
	if (!fence || !back) {
		kvfree(fence);
		kvfree(back);
		return dmr_refuse_memory(op);
	}
	for (i = 0; i < sys->sb->nr_points; i++)
		if (sys->sb->points[i].epoch == sys->sb->live.base)
			point = sys->sb->points[i].number;
	if (dmr_promote(op, fence, back, &after))
		return;

	after->straight = -1;		/* see dmr_op_settle() */
	dmr_views_publish(sys, after);
	for (kind = 0; kind < DMR_KINDS; kind++) {
		atomic64_set(&sys->space.overlay_versions[kind], 0);
		for (i = 0; i < sys->sb->nr_disks; i++)
			dmr_space_overlay_forget(&sys->disks[i], kind);
	}
	op->point = point;
	op->dropped = dropped;
	dmr_job_about(job, op);
	if (atomic64_read(&sys->map.versions)) {
		op->code = DM_REPLICA_CODE_JOB_STARTED;
		dmr_move_job_begin(sys, job);
	}
	dmr_uevent_view(sys, DMR_REPLICA, false);
}

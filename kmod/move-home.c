// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on a move home: terminate it, begin it again.
 */
#include "draft.h"
#include "job.h"
#include "move-job.h"
#include "operate.h"
#include "queue.h"
#include "super.h"
#include "system.h"

/**
 * dmr_op_job_cancel() - terminate a move home; moved chunks stay home
 * @op: its target is the id of that job.
 * @job: the job of this operation.
 *
 * The superblock records it, so that no attach continues the move.
 */
void dmr_op_job_cancel(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_job *target = dmr_job_find(sys, op->target);
	struct dmr_sb *draft;
	int r;

	if (!target)
		return dmr_op_refuse(op, -ENOENT, DM_REPLICA_CODE_NOT_FOUND,
				     "no such job: ended jobs are listed for five minutes");
	if (!target->home || READ_ONCE(target->state) >= DM_REPLICA_JOB_STATE_COMPLETED) {
		dmr_refuse_state(op, "only a job that moves home can be terminated");
		goto out;
	}
	draft = dmr_draft(sys);
	draft->flags |= DMR_SB_STAY;
	r = dmr_super_commit(sys, draft, dmr_op_text(op));
	if (r) {
		dmr_op_refuse_super(op, r);
		goto out;
	}
	WRITE_ONCE(sys->vacuum.move_paused, false);
	dmr_job_terminate(target, DM_REPLICA_CODE_COMPLETED,
			  "terminated on request; what was moved home stays there");
out:
	dmr_job_put(target);
}

/**
 * dmr_op_move_home() - begin a move home again that was terminated or failed
 * @op: no field beside the common ones.
 * @job: moves home from here on; may be NULL.
 */
void dmr_op_move_home(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_sb *draft;
	int r;

	if (dmr_move_job_running(sys))
		return dmr_refuse_state(op, "a move home is under way already");
	if (!(sys->sb->flags & (DMR_SB_REMOVING | DMR_SB_STAY)) &&
	    !atomic64_read(&sys->map.versions))
		return dmr_refuse_state(op, "home holds all there is; nothing is left to move");
	if (sys->sb->flags & DMR_SB_STAY) {
		draft = dmr_draft(sys);
		draft->flags &= ~DMR_SB_STAY;
		r = dmr_super_commit(sys, draft, dmr_op_text(op));
		if (r)
			return dmr_op_refuse_super(op, r);
	}
	if (!(sys->sb->flags & DMR_SB_REMOVING) && !atomic64_read(&sys->map.versions))
		return;
	op->code = DM_REPLICA_CODE_JOB_STARTED;
	dmr_move_job_begin(sys, job);
}

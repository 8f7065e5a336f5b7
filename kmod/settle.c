// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settling: switch a view to direct writes, when no older content is needed.
 */
#include "operate.h"
#include "park.h"
#include "queue.h"
#include "settle.h"
#include "super.h"
#include "system.h"

static void dmr_settling(struct dmr_system *sys, bool settling)
{
	spin_lock_irq(&sys->park.lock);
	sys->park.settling = settling;
	spin_unlock_irq(&sys->park.lock);
	if (!settling)
		dmr_park_wake(sys);
}

/**
 * dmr_op_settle() - switch to writes straight home
 * @op: made by the vacuum.
 * @job: none.
 *
 * R3: such writes overwrite home, so first both superblocks record that its old content
 * is not needed.
 *
 * A merge may have read home and be about to give a bare chunk a version, which would
 * hide a direct write to that chunk at the same time.  So there are views in between,
 * under which a bare chunk gets no version and no write goes straight home: a write that
 * needs either waits until all bios from before have ended.  If that takes too long, the
 * old mode is in force again, and the vacuum makes another attempt.
 */
void dmr_op_settle(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_views *want, *between;

	want = dmr_views_make(sys, sys->sb, DMR_EPOCH_NONE);
	between = dmr_views_back(sys);
	if (!want || !between || want->straight < 0 || sys->published.views->straight >= 0 ||
	    dmr_super_sync_copies(sys)) {
		kvfree(want);
		kvfree(between);
		return;
	}
	between->bare = want->straight;
	dmr_settling(sys, true);
	dmr_views_publish(sys, between);
	if (dmr_grace_wait(&sys->grace, msecs_to_jiffies(op->timeout)))
		want->straight = -1;
	else
		dmr_views_reap(sys);
	dmr_views_publish(sys, want);
	dmr_settling(sys, false);
}

/**
 * dmr_settle_kick() - queue the switch to direct writes, if it is possible
 * @sys: the system, running.
 *
 * Context: the vacuum, after a pass.
 */
void dmr_settle_kick(struct dmr_system *sys)
{
	u32 side = dmr_grace_enter(&sys->grace);
	const struct dmr_views *views = dmr_views_get(sys);
	u32 state = READ_ONCE(sys->sb->state);
	/* Without a point there is no overlay either. */
	bool ask = views->straight < 0 && !views->need.nr && state != DM_REPLICA_STATE_DISABLED;
	struct dmr_op *op;

	dmr_grace_leave(&sys->grace, side);
	if (!ask || READ_ONCE(sys->park.settle_asked))
		return;
	op = dmr_op_new(sys, DMR_VERB_SETTLE);
	if (!op)
		return;
	WRITE_ONCE(sys->park.settle_asked, true);
	dmr_op_queue(op);
}

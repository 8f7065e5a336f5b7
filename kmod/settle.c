// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settling: switch a view to direct writes, when no older content is needed.
 */
#include <linux/jiffies.h>

#include "operate.h"
#include "queue.h"
#include "settle.h"
#include "super.h"
#include "system.h"
#include "vacuum.h"
#include "work.h"

#define DMR_SETTLE_WAIT	(HZ / 20)	/* limit of a wait for bios from before */
#define DMR_SETTLE_AGAIN	(5 * HZ)	/* pause before the next one */

/**
 * dmr_op_settle() - switch to writes straight home
 * @op: made by the vacuum.
 * @job: none.
 *
 * R3: such writes overwrite home, so first both superblocks record that its old content
 * is not needed.
 *
 * R5: a merge from before may have read home and be about to give a bare chunk a version,
 * which would hide a direct write to that chunk at the same time.  No write waits for that:
 *
 * - A bio gives a chunk a version only under the views in force (dmr_admit_too_late()), and
 *   looks at them with the chunk's lock held.
 * - The first views with direct writes are locked: a write that finds its chunk bare has
 *   looked with the lock held, too.  If the merge had the lock first, the write finds its
 *   version; if the write had it first, the merge finds other views, and begins again.
 * - When all bios from before have ended, the same views follow without the lock.
 *
 * As long as some I/O hangs the views stay locked: a lock for each chunk of a direct write,
 * and nothing else.  The vacuum makes another attempt after DMR_SETTLE_AGAIN.
 */
void dmr_op_settle(struct dmr_op *op, struct dmr_job *job)
{
	struct dmr_system *sys = op->sys;
	struct dmr_views *locked, *want;

	locked = dmr_views_make(sys, sys->sb, DMR_EPOCH_NONE);
	want = dmr_views_make(sys, sys->sb, DMR_EPOCH_NONE);
	if (!locked || !want || want->straight < 0)
		goto out;
	if (sys->published.views->straight < 0) {
		if (dmr_super_sync_copies(sys))
			goto out;
		locked->locked = true;
		dmr_views_publish(sys, locked);
		locked = NULL;
	}
	if (!sys->published.views->locked)
		goto out;
	if (dmr_grace_wait(&sys->grace, DMR_SETTLE_WAIT)) {
		WRITE_ONCE(sys->park.settle_again, jiffies + DMR_SETTLE_AGAIN);
		/* A step that is running queues the next one itself, and must not wait for this. */
		if (!READ_ONCE(sys->vacuum.busy))
			queue_delayed_work(dmr_vacuum_wq, &sys->vacuum.work, DMR_SETTLE_AGAIN);
		goto out;
	}
	dmr_views_reap(sys);
	dmr_views_publish(sys, want);
	want = NULL;
	/* A write between the last pass and this may have made a version. */
	dmr_vacuum_kick(sys);
out:
	kvfree(locked);
	kvfree(want);
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
	bool locked = views->locked;
	bool ask = (views->straight < 0 || locked) && !views->need.nr &&
		   state != DM_REPLICA_STATE_DISABLED;
	struct dmr_op *op;

	dmr_grace_leave(&sys->grace, side);
	if (!ask || READ_ONCE(sys->park.settle_asked) ||
	    (locked && time_before(jiffies, READ_ONCE(sys->park.settle_again))))
		return;
	op = dmr_op_new(sys, DMR_VERB_SETTLE);
	if (!op)
		return;
	WRITE_ONCE(sys->park.settle_asked, true);
	dmr_op_queue(op);
}

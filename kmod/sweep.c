// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vacuum: reclaim versions that are not needed any more, and move home blocks that no
 * point needs in a slot (mover.c).
 *
 * It runs behind the superblock edits of operations.  Before it destroys old content, the
 * edit is durable in both superblocks (R3) and every record due is written; a slot is
 * reused only after a grace period since its version left the map (R4).
 */
#include <linux/sched/mm.h>

#include "flush.h"
#include "mover.h"
#include "job.h"
#include "move-job.h"
#include "settle.h"
#include "super.h"
#include "sweep.h"
#include "system.h"
#include "vacuum.h"

#define DMR_SWEEP_BATCH		512	/* limit of versions freed in one grace period */
#define DMR_PASS_AGAIN		(5 * HZ)	/* pause before another pass for busy chunks */
#define DMR_MOVE_AGAIN		(HZ / 10)	/* the same, while a job moves home */
#define DMR_PASS_JOBS		8	/* running jobs whose versions are counted */
#define DMR_SWEEP_BUCKETS	4096	/* limit of buckets in one grace section */
#define DMR_SWEEP_VERSIONS	128	/* limit of versions with interrupts off */
#define DMR_SWEEP_NS		NSEC_PER_MSEC	/* limit of a grace section of the sweep */

/* A pass, with the needs of the views in force at its beginning. */
struct dmr_pass {
	struct dmr_need need;
	struct dmr_sweep sweep;
	u32 *points;
	u32 bucket;		/* next bucket of the sweep */
	u64 serial;
	u64 freed;
	bool moved_on;		/* other views are in force: begin again */
};

static int dmr_pass_begin(struct dmr_system *sys, struct dmr_pass *pass)
{
	struct dmr_views *views;
	u32 nr, side;
	int r = 0;

	memset(pass, 0, sizeof(*pass));
	pass->points = kvcalloc(DMR_MAX_POINTS + 1, sizeof(u32), GFP_KERNEL);
	if (!pass->points)
		return -ENOMEM;
	side = dmr_grace_enter(&sys->grace);
	views = dmr_views_get(sys);
	nr = views->need.nr;
	if (nr <= DMR_MAX_POINTS + 1)
		memcpy(pass->points, views->points, nr * sizeof(u32));
	else
		r = -EINVAL;
	pass->need = views->need;
	pass->need.epochs = pass->points;
	pass->serial = views->serial;
	dmr_grace_leave(&sys->grace, side);

	/* R3: write the other copy, which may still need versions that are about to be freed. */
	if (!r)
		r = dmr_super_sync_copies(sys);
	/* A version must be durable before the versions that it supersedes go (R13). */
	if (!r)
		r = dmr_flush_sync(sys, false);
	pass->need.durable = READ_ONCE(sys->log.room.durable);
	dmr_map_sweep_init(&pass->sweep, &pass->need);
	if (r)
		kvfree(pass->points);
	return r;
}

/*
 * Sweep a piece of the map.  A version of an epoch that is newer than the pass can be in a
 * bucket only if newer views were published before the bucket's lock was taken, so it is
 * enough to compare the views under the lock.
 *
 * A chunk may have thousands of versions, in a forged store tens of thousands.  So
 * interrupts are off for DMR_SWEEP_VERSIONS at a time, and the grace section, for which
 * every operation's drain waits, ends after a millisecond (R12).
 */
static void dmr_pass_sweep(struct dmr_system *sys, struct dmr_pass *pass)
{
	u32 end = min(1U << sys->map.bucket_bits, pass->bucket + DMR_SWEEP_BUCKETS);
	u32 side = dmr_grace_enter(&sys->grace);
	u64 until = ktime_get_ns() + DMR_SWEEP_NS;
	unsigned long flags;

	while (pass->bucket < end && pass->sweep.count < DMR_SWEEP_BATCH && !pass->moved_on) {
		spinlock_t *lock = &sys->map.locks[pass->bucket & sys->map.lock_mask];

		if (!READ_ONCE(sys->map.buckets[pass->bucket])) {
			pass->bucket++;
			continue;
		}
		spin_lock_irqsave(lock, flags);
		if (dmr_views_get(sys)->serial != pass->serial)
			pass->moved_on = true;
		else if (dmr_map_sweep(&sys->map, &pass->sweep, pass->bucket, DMR_SWEEP_VERSIONS))
			pass->bucket++;
		spin_unlock_irqrestore(lock, flags);
		if (need_resched() || ktime_get_ns() > until)
			break;
	}
	dmr_grace_leave(&sys->grace, side);
}

static void dmr_pass_free(struct dmr_system *sys, struct dmr_pass *pass)
{
	struct dmr_version *v, *garbage = pass->sweep.garbage;
	struct dmr_job *job, *jobs[DMR_PASS_JOBS];
	u32 nr = 0, i;

	if (!garbage)
		return;
	pass->sweep.garbage = NULL;
	pass->sweep.count = 0;
	/* R4: wait for readers that may have seen them. */
	dmr_grace_wait(&sys->grace, 0);
	mutex_lock(&sys->jobs.mutex);
	/* A running job beyond DMR_PASS_JOBS only shows less progress. */
	list_for_each_entry(job, &sys->jobs.list, list)
		if (job->state == DM_REPLICA_JOB_STATE_RUNNING && job->epoch && nr < DMR_PASS_JOBS)
			jobs[nr++] = job;
	while ((v = garbage)) {
		garbage = dmr_garbage_next(v);
		for (i = 0; i < nr; i++)
			if (jobs[i]->epoch == v->epoch)
				jobs[i]->reclaimed++;
		if (v->slot != DMR_SLOT_NONE)
			dmr_slots_free(&sys->slots, v->slot);
		mempool_free(v, sys->versions.pool);
		pass->freed++;
		if (atomic64_read(&sys->vacuum.pending) > 0)
			atomic64_dec(&sys->vacuum.pending);
	}
	mutex_unlock(&sys->jobs.mutex);
}

/* End jobs that have reclaimed all, or report their progress. */
static void dmr_pass_jobs(struct dmr_system *sys, bool ended)
{
	struct dmr_job *job, *found;

	do {
		u32 percent = 0;

		found = NULL;
		mutex_lock(&sys->jobs.mutex);
		list_for_each_entry(job, &sys->jobs.list, list) {
			if (job->state != DM_REPLICA_JOB_STATE_RUNNING || !job->epoch)
				continue;
			percent = job->total ?
				  min_t(u64, 99, div64_u64(job->reclaimed * 100, job->total)) : 99;
			if ((ended && job->seen) || percent > job->percent) {
				kref_get(&job->ref);
				found = job;
				break;
			}
		}
		mutex_unlock(&sys->jobs.mutex);
		if (found) {
			if (ended && found->seen)
				dmr_job_end(found, DM_REPLICA_CODE_COMPLETED, NULL);
			else
				dmr_job_progress(found, percent);
			dmr_job_put(found);
		}
	} while (found);
}

/* R9: end the jobs that wait for reclaiming, which has stopped. */
static void dmr_pass_give_up(struct dmr_system *sys)
{
	struct dmr_job *job, *found;

	do {
		found = NULL;
		mutex_lock(&sys->jobs.mutex);
		list_for_each_entry(job, &sys->jobs.list, list) {
			if (job->state < DM_REPLICA_JOB_STATE_COMPLETED &&
			    (job->epoch || job->home)) {
				kref_get(&job->ref);
				found = job;
				break;
			}
		}
		mutex_unlock(&sys->jobs.mutex);
		dmr_job_end(found, DM_REPLICA_CODE_UNKNOWN,
			    "the system is critical; the work goes on after the next attach");
		dmr_job_put(found);
	} while (found);
}

static void dmr_pass_mark_jobs(struct dmr_system *sys)
{
	struct dmr_job *job;

	mutex_lock(&sys->jobs.mutex);
	list_for_each_entry(job, &sys->jobs.list, list)
		if (job->epoch)
			job->seen = true;
	mutex_unlock(&sys->jobs.mutex);
}

/* Make a pass over the whole map, unless the vacuum is stopped or held. */
static void dmr_vacuum_pass(struct dmr_system *sys)
{
	struct dmr_pass pass;
	bool again = false;
	u64 errors = 0;
	s64 moved = 0;
	u32 end;
	int r;

	if (READ_ONCE(sys->critical))
		dmr_pass_give_up(sys);
	if (!dmr_vacuum_may_run(sys))
		return;
	dmr_pass_mark_jobs(sys);
	r = dmr_pass_begin(sys, &pass);
	if (r) {
		/* No memory, or a superblock was taken back: try again in a second. */
		queue_delayed_work(sys->ops_wq, &sys->vacuum.work, HZ);
		return;
	}
	end = 1U << sys->map.bucket_bits;
	while (pass.bucket < end && !pass.moved_on && dmr_vacuum_may_run(sys)) {
		dmr_pass_sweep(sys, &pass);
		if (pass.sweep.count >= DMR_SWEEP_BATCH) {
			dmr_pass_free(sys, &pass);
			dmr_pass_jobs(sys, false);
		}
		cond_resched();
	}
	if (pass.sweep.count) {
		dmr_pass_free(sys, &pass);
		dmr_pass_jobs(sys, false);
	}
	if (pass.bucket == end && !pass.moved_on) {
		moved = dmr_mover_run(sys, &pass.need, pass.serial, &again, &errors);
		if (moved > 0)
			pass.freed += moved;
		else if (moved < 0)
			again = true;	/* no memory: start another pass */
	}
	kvfree(pass.points);

	if (pass.moved_on) {
		queue_delayed_work(sys->ops_wq, &sys->vacuum.work, 1);
		return;
	}
	if (pass.bucket < end)
		return;		/* held or stopped: begin again when released */
	dmr_pass_jobs(sys, true);
	dmr_settle_kick(sys);
	WRITE_ONCE(sys->vacuum.passes, sys->vacuum.passes + 1);
	/* While a job moves home, the pause is short. */
	if (dmr_vacuum_may_move(sys) && dmr_move_job_pass_done(sys, again, errors, moved))
		queue_delayed_work(sys->ops_wq, &sys->vacuum.work, DMR_MOVE_AGAIN);
	else if (again)
		queue_delayed_work(sys->ops_wq, &sys->vacuum.work, DMR_PASS_AGAIN);
	if (pass.freed)
		dmr_event_news(sys, DMR_NEWS_STATE);
}

/**
 * dmr_sweep_work() - make a pass over the whole map
 * @work: vacuum.work of the system.
 *
 * Context: worker; takes sb_mutex and waits for log commits and grace periods, with no
 * lock held that they need.
 */
void dmr_sweep_work(struct work_struct *work)
{
	struct dmr_system *sys = container_of(to_delayed_work(work), struct dmr_system,
					      vacuum.work);
	/* GFP_NOIO: reclaim may write to our devices, and this worker makes the space for that. */
	unsigned int noio = memalloc_noio_save();

	WRITE_ONCE(sys->vacuum.busy, true);
	smp_mb();	/* pairs with dmr_vacuum_hold(): one of the two sees the other */
	dmr_vacuum_pass(sys);
	memalloc_noio_restore(noio);
	/* The pass is over: pairs with dmr_vacuum_busy(). */
	smp_store_release(&sys->vacuum.busy, false);
	wake_up(&sys->vacuum.throttle);
}

static void dmr_first_free(struct dmr_system *sys, struct dmr_sweep *sw)
{
	struct dmr_version *v, *garbage = sw->garbage;

	if (!garbage)
		return;
	sw->garbage = NULL;
	sw->count = 0;
	/* R4: wait for a walk that may have seen them. */
	dmr_grace_wait(&sys->grace, 0);
	while ((v = garbage)) {
		garbage = dmr_garbage_next(v);
		if (v->slot != DMR_SLOT_NONE)
			dmr_slots_free(&sys->slots, v->slot);
		mempool_free(v, sys->versions.pool);
	}
}

/**
 * dmr_sweep_first() - reclaim versions that came back by replay, before any I/O
 * @sys: the system, just loaded, with its first superblock written; no target is bound.  A
 * dump of its recovery points may walk the map meanwhile (R4).
 *
 * A superseded version leaves memory, but its record stays in the log: replay restores
 * it, and takes its slot again.  Without this sweep the store could be full of dead
 * versions at the first write.  If the process is killed meanwhile, the vacuum does the
 * rest.
 *
 * Context: may sleep; op_mutex is held.
 */
void dmr_sweep_first(struct dmr_system *sys)
{
	struct dmr_views *views = sys->published.views;
	struct dmr_need need = views->need;
	struct dmr_sweep sw;
	u32 b = 0;

	lockdep_assert_held(&sys->op_mutex);
	/* R3; if it cannot be written now, the vacuum tries again. */
	if (dmr_super_sync_copies(sys))
		return;
	need.durable = sys->log.room.durable;	/* all records have been read from the store */
	dmr_map_sweep_init(&sw, &need);
	while (b < 1U << sys->map.bucket_bits && !fatal_signal_pending(current)) {
		if (dmr_map_sweep(&sys->map, &sw, b, DMR_SWEEP_VERSIONS))
			b++;
		if (sw.count >= DMR_SWEEP_BATCH)
			dmr_first_free(sys, &sw);
		cond_resched();
	}
	dmr_first_free(sys, &sw);
	sys->vacuum.swept = true;
}

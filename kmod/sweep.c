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
#define DMR_STEP_NS		(20 * NSEC_PER_MSEC)	/* limit of the walk of one step */
#define DMR_STEP_NONE		MAX_JIFFY_OFFSET	/* no further step */

/**
 * DOC: Passes in steps
 *
 * A pass walks over the whole map and frees dead versions (a lap), then moves home what it
 * can (mover.c), which may take days.  It is made of steps: a work item makes one, for a
 * few milliseconds and one batch, and is queued again, behind the steps of other systems or
 * after the pause that the rate demands.  No step sleeps but for I/O and grace periods.
 *
 * **Other views** come into force with each operation, and dead versions with them.  The
 * next step takes their needs (dmr_pass_refresh()) and goes on at the same place of the map
 * and of the disks; so points made faster than one lap lasts hold up neither.  Another lap
 * is due then.  A move in progress gets as much time as the last lap has taken before the
 * next lap begins, and makes at least one batch.  What may go home only now can lie behind
 * the place that the move has reached: so another pass follows.
 *
 * **Jobs** that wait for reclaiming end one lap after the first step that saw them,
 * wherever the walk was then.
 *
 * **The end.**  A held or stopped vacuum drops the pass; the places are kept.  Only the
 * step, of which one runs at a time, and dmr_sweep_stop() touch it; xchg() decides which of
 * them frees it, should a late kick have started a step behind a stop.
 */
struct dmr_pass {
	struct dmr_need need;	/* of the views of @serial */
	struct dmr_sweep sweep;
	struct dmr_mover *mover;	/* NULL: nothing has been moved yet */
	u64 end;		/* vacuum.visited at the end of the lap */
	u64 lap_began;		/* ns */
	u64 lap_ended;		/* ns */
	u64 serial;
	u64 freed;
	bool due;		/* another lap is due: other views, or a kick */
	bool behind;		/* the move may have passed what may go home only now */
	bool moved_on;		/* other views are in force */
	u32 points[DMR_MAX_POINTS + 1];
};

/* Jobs end when all buckets have been visited from here on. */
static void dmr_pass_mark_jobs(struct dmr_system *sys)
{
	struct dmr_job *job;

	mutex_lock(&sys->jobs.mutex);
	list_for_each_entry(job, &sys->jobs.list, list)
		if (job->epoch && !job->due)
			job->due = sys->vacuum.visited + sys->map.nr_buckets;
	mutex_unlock(&sys->jobs.mutex);
}

/* Take the needs of the views in force; the bucket of the walk begins anew. */
static int dmr_pass_refresh(struct dmr_system *sys, struct dmr_pass *pass)
{
	struct dmr_views *views;
	u32 nr, side;
	int r = 0;

	/* Before the views: those of a job that is seen are in force already. */
	dmr_pass_mark_jobs(sys);
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
	pass->moved_on = false;
	dmr_grace_leave(&sys->grace, side);

	/* R3: write the other copy, which may still need versions that are about to be freed. */
	if (!r)
		r = dmr_super_sync_copies(sys);
	/* A version must be durable before the versions that it supersedes go (R13). */
	if (!r)
		r = dmr_flush_sync(sys, false);
	pass->need.durable = READ_ONCE(sys->log.room.durable);
	dmr_map_sweep_init(&pass->sweep, &pass->need);
	return r;
}

static void dmr_pass_lap(struct dmr_system *sys, struct dmr_pass *pass)
{
	dmr_pass_mark_jobs(sys);
	pass->behind |= !!pass->mover;
	pass->due = false;
	pass->end = sys->vacuum.visited + sys->map.nr_buckets;
	pass->lap_began = ktime_get_ns();
}

/* Begin a pass.  Return: 0 or a negative errno. */
static int dmr_pass_begin(struct dmr_system *sys)
{
	struct dmr_pass *pass = kvzalloc(sizeof(*pass), GFP_KERNEL);
	int r;

	if (!pass)
		return -ENOMEM;
	r = dmr_pass_refresh(sys, pass);
	if (r) {
		kvfree(pass);
		return r;
	}
	dmr_pass_lap(sys, pass);
	WRITE_ONCE(sys->vacuum.pass, pass);
	return 0;
}

/* End the pass, if there is one. */
static void dmr_pass_drop(struct dmr_system *sys)
{
	struct dmr_pass *pass = xchg(&sys->vacuum.pass, NULL);

	if (!pass)
		return;
	dmr_mover_end(pass->mover);
	kvfree(pass);
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
	u64 end = min(pass->end, sys->vacuum.visited + DMR_SWEEP_BUCKETS);
	u32 side = dmr_grace_enter(&sys->grace);
	u64 until = ktime_get_ns() + DMR_SWEEP_NS;
	unsigned long flags;

	while (sys->vacuum.visited < end && pass->sweep.count < DMR_SWEEP_BATCH &&
	       !pass->moved_on) {
		spinlock_t *lock;
		u32 bucket;

		div_u64_rem(sys->vacuum.visited, sys->map.nr_buckets, &bucket);
		lock = &sys->map.locks[bucket & sys->map.lock_mask];
		if (!READ_ONCE(sys->map.buckets[bucket])) {
			sys->vacuum.visited++;
			continue;
		}
		spin_lock_irqsave(lock, flags);
		if (dmr_views_get(sys)->serial != pass->serial)
			pass->moved_on = true;
		else if (dmr_map_sweep(&sys->map, &pass->sweep, bucket, DMR_SWEEP_VERSIONS))
			sys->vacuum.visited++;
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
static void dmr_pass_jobs(struct dmr_system *sys)
{
	struct dmr_job *job, *found;

	do {
		bool ended = false;
		u32 percent = 0;

		found = NULL;
		mutex_lock(&sys->jobs.mutex);
		list_for_each_entry(job, &sys->jobs.list, list) {
			if (job->state != DM_REPLICA_JOB_STATE_RUNNING || !job->epoch)
				continue;
			percent = job->total ?
				  min_t(u64, 99, div64_u64(job->reclaimed * 100, job->total)) : 99;
			ended = job->due && sys->vacuum.visited >= job->due;
			if (ended || percent > job->percent) {
				kref_get(&job->ref);
				found = job;
				break;
			}
		}
		mutex_unlock(&sys->jobs.mutex);
		if (found) {
			if (ended)
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

/* Sweep for a few milliseconds. */
static void dmr_pass_step(struct dmr_system *sys, struct dmr_pass *pass)
{
	u64 until = ktime_get_ns() + DMR_STEP_NS;

	while (sys->vacuum.visited < pass->end && pass->sweep.count < DMR_SWEEP_BATCH &&
	       !pass->moved_on && dmr_vacuum_may_run(sys) && ktime_get_ns() < until) {
		dmr_pass_sweep(sys, pass);
		cond_resched();
	}
	dmr_pass_free(sys, pass);
	if (sys->vacuum.visited == pass->end) {
		pass->lap_ended = ktime_get_ns();
		WRITE_ONCE(sys->vacuum.passes, sys->vacuum.passes + 1);
	}
	dmr_pass_jobs(sys);
}

/* Nanoseconds until the move in progress has had as much time as the last lap. */
static u64 dmr_pass_lap_wait(const struct dmr_pass *pass)
{
	u64 lap = pass->lap_ended - pass->lap_began, moved = ktime_get_ns() - pass->lap_ended;

	return lap - min(lap, moved);
}

/* End a complete pass.  Return: jiffies before another one, or DMR_STEP_NONE. */
static unsigned long dmr_pass_finish(struct dmr_system *sys, struct dmr_pass *pass, int r)
{
	struct dmr_moved moved = { };
	bool due = pass->due || pass->behind, again;
	u64 freed;

	if (pass->mover)
		dmr_mover_result(pass->mover, &moved);
	again = moved.skipped || r || pass->behind;
	freed = pass->freed + moved.versions;
	dmr_pass_drop(sys);
	dmr_settle_kick(sys);
	if (freed)
		dmr_event_news(sys, DMR_NEWS_STATE);
	/* While a job moves home, the pause is short. */
	if (dmr_vacuum_may_move(sys) &&
	    dmr_move_job_pass_done(sys, again, moved.errors, r ?: (s64)moved.versions))
		return DMR_MOVE_AGAIN;
	if (due)
		return 1;
	return again ? DMR_PASS_AGAIN : DMR_STEP_NONE;
}

/* Make one step.  Return: jiffies before the next one, or DMR_STEP_NONE. */
static unsigned long dmr_vacuum_step(struct dmr_system *sys)
{
	bool kicked = xchg(&sys->vacuum.kicked, false);
	unsigned long wait = 0;
	struct dmr_pass *pass;
	int r;

	if (READ_ONCE(sys->critical))
		dmr_pass_give_up(sys);
	if (!dmr_vacuum_may_run(sys)) {
		dmr_pass_drop(sys);
		return DMR_STEP_NONE;	/* held or stopped: begin again when released */
	}
	/* No memory, or a superblock was taken back: try again in a second. */
	if (!sys->vacuum.pass) {
		if (dmr_pass_begin(sys))
			return HZ;
		kicked = false;
	}
	pass = sys->vacuum.pass;
	pass->due |= kicked;
	if (pass->serial != READ_ONCE(sys->published.serial)) {
		pass->due = true;
		if (dmr_pass_refresh(sys, pass)) {
			dmr_pass_drop(sys);
			return HZ;
		}
		if (pass->mover)
			dmr_mover_views(pass->mover, pass->serial);
	}
	if (sys->vacuum.visited == pass->end && pass->due && pass->mover &&
	    !dmr_pass_lap_wait(pass))
		dmr_pass_lap(sys, pass);
	if (sys->vacuum.visited < pass->end) {
		dmr_pass_step(sys, pass);
		return 0;
	}
	if (!dmr_vacuum_may_move(sys))
		return dmr_pass_finish(sys, pass, 0);
	if (!pass->mover) {
		pass->mover = dmr_mover_begin(sys, &pass->need, pass->serial);
		if (!pass->mover)
			return dmr_pass_finish(sys, pass, -ENOMEM);
	}
	r = dmr_mover_step(pass->mover, &wait);
	if (r <= 0)
		return dmr_pass_finish(sys, pass, r);
	/* A lap does not wait for the pause of a low rate. */
	return pass->due ? min(wait, nsecs_to_jiffies(dmr_pass_lap_wait(pass)) + 1) : wait;
}

/**
 * dmr_sweep_work() - make a step of a pass over the whole map
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
	unsigned long wait;

	WRITE_ONCE(sys->vacuum.busy, true);
	smp_mb();	/* pairs with dmr_vacuum_hold(): one of the two sees the other */
	wait = dmr_vacuum_step(sys);
	memalloc_noio_restore(noio);
	/* No effect if a kick has queued it already, or if a stop waits for it. */
	if (wait != DMR_STEP_NONE)
		queue_delayed_work(dmr_vacuum_wq, &sys->vacuum.work, wait);
	/* The step is over: pairs with dmr_vacuum_busy(). */
	smp_store_release(&sys->vacuum.busy, false);
	wake_up(&sys->vacuum.idle);
}

/**
 * dmr_sweep_stop() - stop the vacuum, and end its pass
 * @sys: the system; op_mutex is held.
 *
 * Context: may sleep.
 */
void dmr_sweep_stop(struct dmr_system *sys)
{
	lockdep_assert_held(&sys->op_mutex);
	dmr_vacuum_stop(sys);
	dmr_pass_drop(sys);
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
	unsigned long flags;
	u32 b = 0;

	lockdep_assert_held(&sys->op_mutex);
	/* R3; if it cannot be written now, the vacuum tries again. */
	if (dmr_super_sync_copies(sys))
		return;
	need.durable = sys->log.room.durable;	/* all records have been read from the store */
	dmr_map_sweep_init(&sw, &need);
	while (b < sys->map.nr_buckets && !fatal_signal_pending(current)) {
		spinlock_t *lock = &sys->map.locks[b & sys->map.lock_mask];

		if (!READ_ONCE(sys->map.buckets[b])) {
			b++;
		} else {
			spin_lock_irqsave(lock, flags);
			if (dmr_map_sweep(&sys->map, &sw, b, DMR_SWEEP_VERSIONS))
				b++;
			spin_unlock_irqrestore(lock, flags);
		}
		if (sw.count >= DMR_SWEEP_BATCH)
			dmr_first_free(sys, &sw);
		cond_resched();
	}
	dmr_first_free(sys, &sw);
	sys->vacuum.swept = true;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs that move home: behind a commit, a removal, or asked for anew.
 *
 * The vacuum does the work (mover.c) whether there is a job or not; a job shows the
 * progress, and through it the work can be held still or given up.  It survives nothing:
 * after the next attach the same work has a new job, made from the superblock
 * (dmr_move_job_resume()).
 */
#include <linux/ktime.h>

#include "job.h"
#include "move-job.h"
#include "queue.h"
#include "system.h"
#include "vacuum.h"

/* The job that moves home, referenced, or NULL; there is one at most. */
static struct dmr_job *dmr_move_job(struct dmr_system *sys)
{
	struct dmr_job *job, *found = NULL;

	mutex_lock(&sys->jobs.mutex);
	list_for_each_entry(job, &sys->jobs.list, list) {
		if (job->home && job->state < DM_REPLICA_JOB_STATE_COMPLETED) {
			kref_get(&job->ref);
			found = job;
			break;
		}
	}
	mutex_unlock(&sys->jobs.mutex);
	return found;
}

/** dmr_move_job_running() - is there a job that moves home?  Return: true if so. */
bool dmr_move_job_running(struct dmr_system *sys)
{
	struct dmr_job *job = dmr_move_job(sys);

	dmr_job_put(job);
	return job;
}

/**
 * dmr_move_job_begin() - this job moves home from here on
 * @sys: the system; op_mutex is held.
 * @job: the job, or NULL.
 */
void dmr_move_job_begin(struct dmr_system *sys, struct dmr_job *job)
{
	lockdep_assert_held(&sys->op_mutex);
	WRITE_ONCE(sys->vacuum.move_paused, false);
	memset(sys->vacuum.cancels, 0, sizeof(sys->vacuum.cancels));
	if (!job)
		return;
	mutex_lock(&sys->jobs.mutex);
	job->home = true;
	mutex_unlock(&sys->jobs.mutex);
}

/**
 * dmr_move_job_resume() - after an attach: continue a move of an earlier life
 * @sys: the system, just started; op_mutex is held.
 *
 * Context: may sleep.
 */
void dmr_move_job_resume(struct dmr_system *sys)
{
	const struct dmr_sb *sb = sys->sb;
	bool removing = sb->flags & DMR_SB_REMOVING;
	struct dmr_job *job;
	char text[sizeof(job->text)];
	struct tm tm;

	lockdep_assert_held(&sys->op_mutex);
	WRITE_ONCE(sys->vacuum.move_paused, false);
	if (!removing && (sb->state != DM_REPLICA_STATE_COMMITTED || (sb->flags & DMR_SB_STAY) ||
			  !atomic64_read(&sys->map.versions)))
		return;
	time64_to_tm(div_u64(sb->state_time, NSEC_PER_SEC), 0, &tm);
	snprintf(text, sizeof(text), "%s of %04ld-%02d-%02d %02d:%02d:%02d UTC: goes on moving home",
		 removing ? "removal" : "commit", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec);
	job = dmr_job_new(sys, removing ? DM_REPLICA_JOB_TYPE_REMOVE_RELATIONSHIP :
			  DM_REPLICA_JOB_TYPE_COMMIT_FAILOVER, text, NULL);
	dmr_job_run(job);
	dmr_move_job_begin(sys, job);
	dmr_job_put(job);
}

/**
 * dmr_move_job_counted() - set the number of bytes left to move
 * @sys: the system.
 * @left: bytes.
 *
 * Writes meanwhile may increase it.
 * Context: may sleep.
 */
void dmr_move_job_counted(struct dmr_system *sys, u64 left)
{
	struct dmr_job *job = dmr_move_job(sys);

	WRITE_ONCE(sys->vacuum.home_left, left);
	if (!job)
		return;
	mutex_lock(&sys->jobs.mutex);
	job->bytes_total = max(job->bytes_total, job->bytes + left);
	mutex_unlock(&sys->jobs.mutex);
	dmr_job_put(job);
}

/**
 * dmr_move_job_progress() - some of it has been moved
 * @sys: the system.
 * @bytes: that are at home now.
 *
 * Context: may sleep.
 */
void dmr_move_job_progress(struct dmr_system *sys, u64 bytes)
{
	struct dmr_job *job = dmr_move_job(sys);
	u32 percent;

	WRITE_ONCE(sys->vacuum.home_left,
		   sys->vacuum.home_left - min(sys->vacuum.home_left, bytes));
	if (!job)
		return;
	mutex_lock(&sys->jobs.mutex);
	job->bytes += bytes;
	job->bytes_total = max(job->bytes_total, job->bytes);
	percent = job->bytes_total ?
		  min_t(u64, 99, div64_u64(job->bytes * 100, job->bytes_total)) : 0;
	mutex_unlock(&sys->jobs.mutex);
	dmr_job_progress(job, percent);
	dmr_job_put(job);
}

/**
 * dmr_move_job_finish() - home alone holds the disk
 * @sys: the system.
 *
 * Context: may sleep.
 */
void dmr_move_job_finish(struct dmr_system *sys)
{
	struct dmr_job *job = dmr_move_job(sys);

	WRITE_ONCE(sys->vacuum.home_left, 0);
	dmr_job_end(job, DM_REPLICA_CODE_COMPLETED, NULL);
	dmr_job_put(job);
}

/**
 * dmr_move_job_terminate() - no job moves home any more
 * @sys: the system; op_mutex is held.
 * @why: replaces the text of the one that did.
 */
void dmr_move_job_terminate(struct dmr_system *sys, const char *why)
{
	struct dmr_job *job = dmr_move_job(sys);

	lockdep_assert_held(&sys->op_mutex);
	if (job)
		dmr_job_terminate(job, DM_REPLICA_CODE_COMPLETED, why);
	dmr_job_put(job);
}

/* Home alone holds the disk; a removal has one more write to do. */
static void dmr_move_complete(struct dmr_system *sys)
{
	struct dmr_op *op;

	if (!(READ_ONCE(sys->sb->flags) & DMR_SB_REMOVING))
		return dmr_move_job_finish(sys);
	op = dmr_op_new(sys, DMR_VERB_REMOVED);
	if (op)
		dmr_op_queue(op);
}

/* Do writes of the disk go straight home?  Until then each of them may bring a version. */
static bool dmr_move_settled(struct dmr_system *sys)
{
	u32 side = dmr_grace_enter(&sys->grace);
	bool settled = dmr_views_get(sys)->straight >= 0;

	dmr_grace_leave(&sys->grace, side);
	return settled;
}

/**
 * dmr_move_job_pass_done() - the vacuum has been over the whole map
 * @sys: the system.
 * @skipped: something was busy, and is worth another look.
 * @errors: chunks that could not be moved.
 * @moved: versions that are gone.
 *
 * R9: an unreadable block stays in its slot, and the job reports it.
 *
 * Context: the vacuum; may sleep.
 * Return: true if the next pass should begin at once.
 */
bool dmr_move_job_pass_done(struct dmr_system *sys, bool skipped, u64 errors, s64 moved)
{
	struct dmr_job *job = dmr_move_job(sys);
	bool removing = READ_ONCE(sys->sb->flags) & DMR_SB_REMOVING, again = false;
	char text[sizeof(job->text)];

	if (!job && !removing)
		return false;
	if (!atomic64_read(&sys->map.versions) && !removing && !dmr_move_settled(sys)) {
		/* Asked for by now; and then another pass has the last word. */
		again = true;
	} else if (!atomic64_read(&sys->map.versions)) {
		dmr_move_complete(sys);
		again = removing;	/* until the last write has been done */
	} else if (job && errors && !skipped && moved <= 0) {
		snprintf(text, sizeof(text),
			 "%llu chunks could not be moved home; see the kernel log, mend the device, move-home",
			 errors);
		dmr_job_end(job, DM_REPLICA_CODE_FAILED, text);
	} else {
		/* With nothing gained it is not worth hurrying. */
		again = job && (skipped || moved > 0);
	}
	dmr_job_put(job);
	return again;
}

/**
 * dmr_move_job_request() - Msvm_ConcreteJob.RequestStateChange
 * @sys: the system.
 * @job: the job.
 * @request: DM_REPLICA_JOB_REQUEST_START or _SUSPEND.
 * @msg: set to why not.
 *
 * Neither is remembered over a detach: the next attach goes on.
 *
 * Context: may sleep.
 * Return: 0 or -EBADE.
 */
int dmr_move_job_request(struct dmr_system *sys, struct dmr_job *job, u32 request, const char **msg)
{
	bool pause = request == DM_REPLICA_JOB_REQUEST_SUSPEND;

	*msg = NULL;
	mutex_lock(&sys->jobs.mutex);
	if (job->state >= DM_REPLICA_JOB_STATE_COMPLETED) {
		*msg = "the job has ended";
	} else if (!job->home) {
		*msg = "only a job that moves home can be suspended";
	} else {
		job->state = pause ? DM_REPLICA_JOB_STATE_SUSPENDED : DM_REPLICA_JOB_STATE_RUNNING;
		WRITE_ONCE(sys->vacuum.move_paused, pause);
	}
	mutex_unlock(&sys->jobs.mutex);
	if (*msg)
		return -EBADE;
	wake_up(&sys->vacuum.throttle);
	if (!pause)
		dmr_vacuum_kick(sys);
	dmr_job_report(job);
	dmr_event_news(sys, DMR_NEWS_STATE);
	return 0;
}

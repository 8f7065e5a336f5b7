// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs that move home: behind a commit or a removal, or begun again on request.
 *
 * The vacuum does the work (mover.c), with or without a job.  The job shows the progress,
 * and can pause or terminate the work.  It does not survive a detach: at the next attach
 * dmr_move_job_resume() makes a new job for the same work, from the superblock.
 */
#include <linux/ktime.h>

#include "job.h"
#include "move-job.h"
#include "queue.h"
#include "system.h"
#include "vacuum.h"

/* Find the job that moves home, one at most.  Return: it, referenced, or NULL. */
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
 * dmr_move_job_begin() - make a job the one that moves home
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
 * dmr_move_job_resume() - make the job for a move home from before the attach
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
 * dmr_move_job_progress() - report the progress of a move home
 * @sys: the system.
 * @bytes: moved since the last report.
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
 * dmr_move_job_finish() - complete the job: home alone holds the disks
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
 * dmr_move_job_terminate() - terminate the job that moves home, if there is one
 * @sys: the system; op_mutex is held.
 * @why: the reason, which replaces its text.
 */
void dmr_move_job_terminate(struct dmr_system *sys, const char *why)
{
	struct dmr_job *job = dmr_move_job(sys);

	lockdep_assert_held(&sys->op_mutex);
	if (job)
		dmr_job_terminate(job, DM_REPLICA_CODE_COMPLETED, why);
	dmr_job_put(job);
}

/* Home alone holds the disks: complete the job, or queue the last write of a removal. */
static void dmr_move_complete(struct dmr_system *sys)
{
	struct dmr_op *op;

	if (!(READ_ONCE(sys->sb->flags) & DMR_SB_REMOVING))
		return dmr_move_job_finish(sys);
	op = dmr_op_new(sys, DMR_VERB_REMOVED);
	if (op)
		dmr_op_queue(op);
}

/* Do writes go straight home? Until then each write may add a version. */
static bool dmr_move_settled(struct dmr_system *sys)
{
	u32 side = dmr_grace_enter(&sys->grace);
	bool settled = dmr_views_get(sys)->straight >= 0;

	dmr_grace_leave(&sys->grace, side);
	return settled;
}

/**
 * dmr_move_job_pass_done() - account for a pass of the vacuum
 * @sys: the system.
 * @skipped: busy chunks are left for another pass.
 * @errors: number of chunks that could not be moved.
 * @moved: number of versions freed.
 *
 * R9: an unreadable block stays in its slot; the job reports the error.
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
		/* The switch to direct writes is queued; another pass has to follow it. */
		again = true;
	} else if (!atomic64_read(&sys->map.versions)) {
		dmr_move_complete(sys);
		again = removing;	/* until the removal's last superblock write */
	} else if (job && errors && !skipped && moved <= 0) {
		snprintf(text, sizeof(text),
			 "%llu chunks could not be moved home; see the kernel log, mend the device, move-home",
			 errors);
		dmr_job_end(job, DM_REPLICA_CODE_FAILED, text);
	} else {
		/* Without progress there is no need to hurry. */
		again = job && (skipped || moved > 0);
	}
	dmr_job_put(job);
	return again;
}

/**
 * dmr_move_job_request() - Msvm_ConcreteJob.RequestStateChange
 * @sys: the system.
 * @job: the job.
 * @request: DM_REPLICA_JOB_REQUEST_START or DM_REPLICA_JOB_REQUEST_SUSPEND.
 * @msg: set to the reason for a refusal.
 *
 * A pause ends with a detach: the move continues at the next attach.
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
	if (!pause)
		dmr_vacuum_kick(sys);
	dmr_job_report(job);
	dmr_event_news(sys, DMR_NEWS_STATE);
	return 0;
}

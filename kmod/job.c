// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs: operations of the last minutes, with the work that goes on behind them.
 *
 * A job only shows state.  Without memory for one, an operation runs without a job: every
 * function here accepts NULL.
 *
 * sys->jobs.mutex is a leaf lock.  Each change is reported (event.h).  No function waits
 * for I/O. A job does not pin its system: a holder of a job has a reference to the system
 * as well.  Memory is allocated with GFP_NOIO, since an operation may have fenced a device
 * to which reclaim writes.
 */
#include <linux/uuid.h>

#include "job.h"
#include "queue.h"
#include "system.h"
#include "trace.h"
#include "uevent.h"

#define DMR_JOBS_MAX	1024		/* ended jobs that a system keeps */

static bool dmr_job_ended(const struct dmr_job *job)
{
	return job->state >= DM_REPLICA_JOB_STATE_COMPLETED;
}

static void dmr_job_free(struct kref *ref)
{
	kfree(container_of(ref, struct dmr_job, ref));
}

/**
 * dmr_job_put() - drop a reference to a job
 * @job: the job, or NULL.
 *
 * Context: any.
 */
void dmr_job_put(struct dmr_job *job)
{
	if (job)
		kref_put(&job->ref, dmr_job_free);
}

/* Remove a job from the list and drop the list's reference; jobs.mutex is held. */
static void dmr_job_drop(struct dmr_job *job)
{
	lockdep_assert_held(&job->sys->jobs.mutex);
	list_del_init(&job->list);
	dmr_job_put(job);
}

/* Raise an event, which has a reference to the job until it is taken. */
static void dmr_job_raise(struct dmr_job *job, enum dmr_event_kind kind)
{
	trace_dmr_job(job->sys->sb->name, job->id, job->type, READ_ONCE(job->state),
		      READ_ONCE(job->percent));
	kref_get(&job->ref);
	if (!dmr_event_raise(job->sys, &job->events[kind]))
		dmr_job_put(job);
}

/**
 * dmr_job_report() - report that a job has changed
 * @job: a job that has not ended.
 *
 * Context: any but hard interrupts.
 */
void dmr_job_report(struct dmr_job *job)
{
	dmr_job_raise(job, DMR_EVENT_JOB);
}

/**
 * dmr_job_new() - begin a job
 * @sys: its system.
 * @type: DM_REPLICA_JOB_TYPE_*.
 * @text: its title.
 * @owner: the requesting process, or NULL.
 *
 * The job is listed, in state New, from here on.
 *
 * Context: may sleep.
 * Return: the job, to be given to dmr_job_end() and then to dmr_job_put(), or
 * NULL without memory.
 */
struct dmr_job *dmr_job_new(struct dmr_system *sys, u32 type, const char *text,
			    const struct dmr_owner *owner)
{
	struct dmr_job *job = kzalloc(sizeof(*job), GFP_NOIO);
	int i;

	if (!job)
		return NULL;
	kref_init(&job->ref);
	job->sys = sys;
	job->type = type;
	job->state = DM_REPLICA_JOB_STATE_NEW;
	job->start = ktime_get_real_ns();
	job->begun = ktime_get();
	if (owner)
		job->owner = *owner;
	for (i = 0; i < DMR_EVENTS; i++) {
		INIT_LIST_HEAD(&job->events[i].list);
		job->events[i].kind = i;
	}
	generate_random_uuid(job->uuid);
	if (text)
		strscpy(job->text, text, sizeof(job->text));

	mutex_lock(&sys->jobs.mutex);
	job->id = sys->jobs.next++;
	kref_get(&job->ref);		/* the list's */
	list_add_tail(&job->list, &sys->jobs.list);
	mutex_unlock(&sys->jobs.mutex);
	dmr_job_report(job);
	return job;
}

/**
 * dmr_job_about() - record the subject of a job's operation, and the data that it
 * discarded
 * @job: the job, or NULL.
 * @op: its operation.
 *
 * Called before the job can end, so that its last event has them.
 * Context: may sleep.
 */
void dmr_job_about(struct dmr_job *job, const struct dmr_op *op)
{
	if (!job)
		return;
	mutex_lock(&job->sys->jobs.mutex);
	job->discarded = op->discarded;
	job->dropped = op->dropped;
	mutex_unlock(&job->sys->jobs.mutex);
}

/**
 * dmr_job_outcome() - record the state that a job's operation made
 * @job: the job, or NULL.
 * @uevent: the operation; its event may be NULL.
 *
 * Called before the job can end, with op_mutex held, so that each change of the state is
 * in the event of a job, in order.
 * Context: may sleep.
 */
void dmr_job_outcome(struct dmr_job *job, const struct dmr_uevent *uevent)
{
	if (!job)
		return;
	lockdep_assert_held(&job->sys->op_mutex);
	mutex_lock(&job->sys->jobs.mutex);
	job->state_number = uevent->state_number;
	job->system_state = uevent->state;
	job->system_was = uevent->was;
	job->outcome = uevent->event;
	mutex_unlock(&job->sys->jobs.mutex);
}

/* Change the state of a job that is New or Starting.  Return: false if it is neither. */
static bool dmr_job_early(struct dmr_job *job, u32 state)
{
	bool changed;

	mutex_lock(&job->sys->jobs.mutex);
	changed = job->state < DM_REPLICA_JOB_STATE_RUNNING;
	if (changed)
		job->state = state;
	mutex_unlock(&job->sys->jobs.mutex);
	return changed;
}

/**
 * dmr_job_run() - set a job to Running
 * @job: the job, or NULL.
 *
 * Context: may sleep.
 */
void dmr_job_run(struct dmr_job *job)
{
	if (job && dmr_job_early(job, DM_REPLICA_JOB_STATE_RUNNING))
		dmr_job_raise(job, DMR_EVENT_DECIDED);
}

/**
 * dmr_job_turn() - set a job to Starting for a turn, or back to New
 * @job: the job, or NULL.
 * @begun: its operation's turn begins.
 * @notify: send an event.
 *
 * Starting: the operation may be decided at any moment, and cannot be cancelled.
 *
 * Context: may sleep.
 */
void dmr_job_turn(struct dmr_job *job, bool begun, bool notify)
{
	if (job && dmr_job_early(job, begun ? DM_REPLICA_JOB_STATE_STARTING :
					      DM_REPLICA_JOB_STATE_NEW) && notify)
		dmr_job_report(job);
}

/**
 * dmr_job_decide() - record the answer of a job's operation
 * @job: the job, or NULL; dmr_job_run() or dmr_job_end() follows.
 * @code: the CIM code of the answer.
 * @err: the errno of the answer, or 0.
 * @point: the point made or used, or 0.
 *
 * A client that got 4096 before finds the whole answer in the job.
 *
 * Context: may sleep.
 */
void dmr_job_decide(struct dmr_job *job, u32 code, int err, u64 point)
{
	if (!job)
		return;
	mutex_lock(&job->sys->jobs.mutex);
	job->decided = true;
	job->answer = code;
	job->err = err;
	job->point = point;
	mutex_unlock(&job->sys->jobs.mutex);
}

/**
 * dmr_job_progress() - report the progress of a job
 * @job: the job, or NULL.
 * @percent: a lower value than before is ignored.
 *
 * Context: may sleep.
 */
void dmr_job_progress(struct dmr_job *job, u32 percent)
{
	bool changed;

	if (!job)
		return;
	percent = min(percent, 100u);
	mutex_lock(&job->sys->jobs.mutex);
	changed = percent > job->percent && !dmr_job_ended(job);
	if (changed)
		job->percent = percent;
	mutex_unlock(&job->sys->jobs.mutex);
	if (changed)
		dmr_job_report(job);
}

/* End a job, unless it has ended; jobs.mutex is held. */
static bool dmr_job_finish(struct dmr_job *job, u32 state, u32 code, const char *text)
{
	lockdep_assert_held(&job->sys->jobs.mutex);
	if (dmr_job_ended(job))
		return false;
	job->state = state;
	job->code = code;
	if (state == DM_REPLICA_JOB_STATE_COMPLETED)
		job->percent = 100;
	if (text)
		strscpy(job->text, text, sizeof(job->text));
	job->ended = ktime_get();
	job->expires = jiffies + DMR_JOB_KEEP;
	return true;
}

/* Drop ended jobs in excess of DMR_JOBS_MAX; jobs.mutex is held. */
static void dmr_job_limit(struct dmr_system *sys)
{
	struct dmr_job *job, *oldest = NULL;
	u32 ended = 0;

	lockdep_assert_held(&sys->jobs.mutex);
	list_for_each_entry(job, &sys->jobs.list, list) {
		if (!dmr_job_ended(job))
			continue;
		ended++;
		if (!oldest || ktime_before(job->ended, oldest->ended))
			oldest = job;
	}
	if (ended > DMR_JOBS_MAX)
		dmr_job_drop(oldest);
}

/**
 * dmr_job_end() - end a job
 * @job: the job, or NULL; the caller still has to put it.
 * @code: the CIM code: 0 makes it Completed, anything else Exception.
 * @text: the reason, which replaces the job's text, or NULL.
 *
 * The job stays listed for DMR_JOB_KEEP. One that has ended before stays unchanged.
 *
 * Context: may sleep.
 */
void dmr_job_end(struct dmr_job *job, u32 code, const char *text)
{
	struct dmr_system *sys;
	bool changed;

	if (!job)
		return;
	sys = job->sys;
	mutex_lock(&sys->jobs.mutex);
	changed = dmr_job_finish(job, code ? DM_REPLICA_JOB_STATE_EXCEPTION :
				 DM_REPLICA_JOB_STATE_COMPLETED, code, text);
	if (changed && !list_empty(&job->list)) {
		/* No effect if armed already, for an older job. */
		queue_delayed_work(sys->ops_wq, &sys->jobs.reaper, DMR_JOB_KEEP + 1);
		dmr_job_limit(sys);
	}
	mutex_unlock(&sys->jobs.mutex);
	if (changed)
		dmr_job_raise(job, DMR_EVENT_ENDED);
}

/**
 * dmr_job_terminate() - end a job on request
 * @job: the job, or NULL; the caller still has to put it.
 * @code: 0, or 32772 if its operation had not begun.
 * @text: replaces the job's text.
 *
 * Context: may sleep.
 */
void dmr_job_terminate(struct dmr_job *job, u32 code, const char *text)
{
	struct dmr_system *sys;
	bool changed;

	if (!job)
		return;
	sys = job->sys;
	mutex_lock(&sys->jobs.mutex);
	changed = dmr_job_finish(job, DM_REPLICA_JOB_STATE_TERMINATED, code, text);
	if (changed && !list_empty(&job->list)) {
		queue_delayed_work(sys->ops_wq, &sys->jobs.reaper, DMR_JOB_KEEP + 1);
		dmr_job_limit(sys);
	}
	mutex_unlock(&sys->jobs.mutex);
	if (changed)
		dmr_job_raise(job, DMR_EVENT_ENDED);
}

/**
 * dmr_job_find() - find a job by its number
 * @sys: the system.
 * @id: the job's number.
 *
 * Context: may sleep.
 * Return: the job, to be given to dmr_job_put(), or NULL.
 */
struct dmr_job *dmr_job_find(struct dmr_system *sys, u64 id)
{
	struct dmr_job *job, *found = NULL;

	mutex_lock(&sys->jobs.mutex);
	list_for_each_entry(job, &sys->jobs.list, list) {
		if (job->id == id) {
			kref_get(&job->ref);
			found = job;
			break;
		}
	}
	mutex_unlock(&sys->jobs.mutex);
	return found;
}

/**
 * dmr_job_forget_all() - end all jobs of a system that is detached
 * @sys: the system; its superblock is still in memory.
 * @why: the reason, as the text of those that have not ended.
 *
 * Context: may sleep.
 */
void dmr_job_forget_all(struct dmr_system *sys, const char *why)
{
	struct dmr_job *job;
	bool more;

	do {
		more = false;
		mutex_lock(&sys->jobs.mutex);
		list_for_each_entry(job, &sys->jobs.list, list) {
			if (dmr_job_finish(job, DM_REPLICA_JOB_STATE_TERMINATED,
					   DM_REPLICA_CODE_NOT_AVAILABLE, why)) {
				kref_get(&job->ref);
				more = true;
				break;
			}
		}
		mutex_unlock(&sys->jobs.mutex);
		if (more) {
			dmr_job_raise(job, DMR_EVENT_ENDED);
			dmr_job_put(job);
		}
	} while (more);
}

/**
 * dmr_job_expire() - drop expired jobs from the list, or all
 * @sys: the system.
 * @all: drop every job, ended or not, and stop sys->jobs.reaper; for the end of the
 * system.
 *
 * Context: may sleep; with @all not from sys->jobs.reaper.
 */
void dmr_job_expire(struct dmr_system *sys, bool all)
{
	struct dmr_job *job, *next;
	unsigned long now = jiffies, first = 0;
	bool wait = false;

	mutex_lock(&sys->jobs.mutex);
	list_for_each_entry_safe(job, next, &sys->jobs.list, list) {
		if (all || (dmr_job_ended(job) && time_after_eq(now, job->expires))) {
			dmr_job_drop(job);
		} else if (dmr_job_ended(job) && (!wait || time_before(job->expires, first))) {
			first = job->expires;
			wait = true;
		}
	}
	if (wait)
		queue_delayed_work(sys->ops_wq, &sys->jobs.reaper, first - now + 1);
	mutex_unlock(&sys->jobs.mutex);

	/* With an empty list nothing arms it again. */
	if (all)
		cancel_delayed_work_sync(&sys->jobs.reaper);
}

/* jobs.reaper: expired jobs */
static void dmr_job_reap(struct work_struct *work)
{
	struct dmr_system *sys = container_of(to_delayed_work(work), struct dmr_system,
					      jobs.reaper);

	dmr_job_expire(sys, false);
}

/** dmr_jobs_init() - initialise the empty list of jobs */
void dmr_jobs_init(struct dmr_jobs *jobs)
{
	mutex_init(&jobs->mutex);
	INIT_LIST_HEAD(&jobs->list);
	INIT_DELAYED_WORK(&jobs->reaper, dmr_job_reap);
	jobs->next = 1;
}
